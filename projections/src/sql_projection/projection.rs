//! What a folder of SQL files says, once it was found to be whole.

use std::collections::BTreeMap;

use annals_eventstore::postgres::SchemaName;
use annals_eventstore::{EventFilter, EventType, RecordedEvent};

use super::event_key::EventKey;
use super::fingerprint::FolderFingerprint;
use super::manifest::Manifest;
use super::manifest_value::ErrorPolicy;
use super::statement::Statement;

/// A projection that is written in SQL alone, as its folder says.
///
/// # Examples
///
/// ```no_run
/// # use annals_projections::SqlProjection;
/// let balances = SqlProjection::load("projections/balances")?;
/// println!("{} version {}", balances.name(), balances.version());
/// # Ok::<(), annals_projections::sql_projection::FolderError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqlProjection {
    pub(super) manifest: Manifest,
    /// The path of `projection.toml`, as it is shown.
    pub(super) manifest_file: String,
    pub(super) setup: SqlFile,
    pub(super) files: Vec<HandlerFile>,
    /// Which of the files an event type has.
    pub(super) by_type: BTreeMap<EventType, usize>,
    pub(super) fingerprint: FolderFingerprint,
}

impl SqlProjection {
    /// Returns its name, under which its checkpoint is kept.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Returns its version; a new one reads the log from the start.
    pub fn version(&self) -> i32 {
        self.manifest.version
    }

    /// Returns how many slots its events are dealt to.
    pub fn partitions(&self) -> u16 {
        self.manifest.partitions
    }

    /// Returns the database schema that it owns.
    pub fn schema(&self) -> &SchemaName {
        &self.manifest.schema
    }

    /// Returns what becomes of an event that cannot be applied.
    pub fn error_policy(&self) -> ErrorPolicy {
        self.manifest.errors
    }

    /// Returns by what its events are dealt to slots.
    pub fn event_key(&self) -> &EventKey {
        &self.manifest.key
    }

    /// Returns the types of events that it follows.
    pub fn event_types(&self) -> impl Iterator<Item = &EventType> {
        self.by_type.keys()
    }

    /// Returns what it asks of the log: events of its types, and no others.
    pub fn filter(&self) -> EventFilter {
        EventFilter::all().event_types(self.event_types().cloned())
    }

    /// Tells whether it follows an event.
    pub fn wants(&self, event: &RecordedEvent) -> bool {
        self.by_type.contains_key(&event.event_type)
    }

    /// Returns the SQL that makes its tables, for its own schema first in the search path.
    pub fn setup(&self) -> &str {
        &self.setup.text
    }

    /// Returns what shows an edit of the folder under the same version.
    pub fn fingerprint(&self) -> FolderFingerprint {
        self.fingerprint
    }

    /// Returns the same projection with its tables in another schema. What is said of its files stays as it is.
    pub(crate) fn in_schema(mut self, schema: SchemaName) -> Self {
        self.manifest.schema = schema;
        self
    }

    pub(super) fn manifest_file(&self) -> &str {
        &self.manifest_file
    }

    pub(super) fn setup_file(&self) -> &SqlFile {
        &self.setup
    }

    pub(super) fn files(&self) -> &[HandlerFile] {
        &self.files
    }

    pub(super) fn file_of(&self, event_type: &EventType) -> Option<usize> {
        self.by_type.get(event_type).copied()
    }
}

/// A file, and what it holds.
#[derive(Debug, Clone)]
pub(super) struct SqlFile {
    /// Its path, as it is shown.
    pub(super) path: String,
    pub(super) text: String,
}

/// A file of event types.
#[derive(Debug, Clone)]
pub(super) struct HandlerFile {
    pub(super) file: SqlFile,
    pub(super) statement: Statement,
}
