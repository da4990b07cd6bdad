//! A projection's folder: `projection.toml`, `setup.sql`, and one `.sql` file for each event type.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use annals_eventstore::postgres::SchemaName;
use annals_eventstore::{EventType, RecordedEvent};

use super::event_key::EventKey;
use super::fault::{Fault, FaultReason, FolderError};
use super::fingerprint::FolderFingerprint;
use super::manifest::{Declared, ErrorPolicy, Manifest};
use super::place::Place;
use super::rules::setup_faults;
use super::statement::{Statement, cut};

/// The file that says what the others are.
const MANIFEST: &str = "projection.toml";

/// The file that makes the tables.
const SETUP: &str = "setup.sql";

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
    manifest: Manifest,
    setup: SqlFile,
    files: Vec<HandlerFile>,
    /// Which of the files an event type has.
    by_type: BTreeMap<EventType, usize>,
    fingerprint: FolderFingerprint,
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

impl SqlProjection {
    /// Loads a folder. Nothing is asked of a server yet.
    ///
    /// # Errors
    ///
    /// [`FolderError`] with everything that is wrong, in all files.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, FolderError> {
        let mut loader = Loader { folder: folder.as_ref(), faults: Vec::new() };
        let loaded = loader.load();
        loader.faults.sort_by(|one, other| one.place.cmp(&other.place));
        match loaded {
            Some(projection) if loader.faults.is_empty() => Ok(projection),
            _ => Err(FolderError(loader.faults)),
        }
    }

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

/// Reads the files, and notes what is wrong with them.
struct Loader<'f> {
    folder: &'f Path,
    faults: Vec<Fault>,
}

impl Loader<'_> {
    fn load(&mut self) -> Option<SqlProjection> {
        let text = self.read(MANIFEST)?;
        let (manifest, declared) = match Manifest::parse(&text) {
            Ok(manifest) => (Some(manifest.clone()), manifest.events),
            Err((faults, declared)) => {
                let path = self.path(MANIFEST);
                self.faults.extend(faults.into_iter().map(|(at, fault)| Fault {
                    place: Place::of_byte(&path, &text, at),
                    reason: fault.into(),
                }));
                (None, declared)
            }
        };
        let setup = self.setup();
        let (files, by_type) = self.handlers(&declared, &text);
        self.refuse_undeclared(&declared);
        self.assembled(manifest?, setup?, files, by_type)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn read(&mut self, name: &str) -> Option<String> {
        let read = fs::read_to_string(self.folder.join(name));
        read.map_err(|error| self.note(Place::top(&self.path(name)), error)).ok()
    }

    fn note(&mut self, place: Place, reason: impl Into<FaultReason>) {
        self.faults.push(Fault { place, reason: reason.into() });
    }

    fn note_all(&mut self, file: &SqlFile, faults: Vec<(usize, impl Into<FaultReason>)>) {
        for (at, fault) in faults {
            self.note(Place::of_byte(&file.path, &file.text, at), fault);
        }
    }

    fn setup(&mut self) -> Option<SqlFile> {
        let file = SqlFile { path: self.path(SETUP), text: self.read(SETUP)? };
        let faults = cut(&file.text).map(|tokens| setup_faults(&tokens)).unwrap_or_else(|faults| faults);
        self.note_all(&file, faults);
        Some(file)
    }

    /// Reads each file once, whatever number of types it has.
    fn handlers(
        &mut self,
        declared: &[Declared],
        manifest: &str,
    ) -> (Vec<HandlerFile>, BTreeMap<EventType, usize>) {
        let (mut files, mut by_type) = (Vec::new(), BTreeMap::new());
        let mut by_name: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for Declared { event_type, file: name, at } in declared {
            let index = *by_name.entry(name).or_insert_with(|| {
                let handler = self.handler(name, Place::of_byte(&self.path(MANIFEST), manifest, *at))?;
                files.push(handler);
                Some(files.len() - 1)
            });
            by_type.extend(index.map(|index| (event_type.clone(), index)));
        }
        (files, by_type)
    }

    /// A file that is not there is told where it is named.
    fn handler(&mut self, name: &str, named: Place) -> Option<HandlerFile> {
        let path = self.folder.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.note(named, error);
                return None;
            }
            Err(error) => {
                self.note(Place::top(&path.display().to_string()), error);
                return None;
            }
        };
        let file = SqlFile { path: path.display().to_string(), text };
        match Statement::parse(&file.text) {
            Ok(statement) => Some(HandlerFile { file, statement }),
            Err(faults) => {
                self.note_all(&file, faults);
                None
            }
        }
    }

    /// A file that no type leads to was most likely forgotten. Names that begin with a dot are passed over.
    fn refuse_undeclared(&mut self, declared: &[Declared]) {
        let names = match self.names() {
            Ok(names) => names,
            Err(error) => return self.note(Place::top(&self.folder.display().to_string()), error),
        };
        for name in names {
            let is_known =
                name == MANIFEST || name == SETUP || declared.iter().any(|declared| declared.file == name);
            if !is_known && !name.starts_with('.') {
                self.note(Place::top(&self.path(&name)), FaultReason::Undeclared);
            }
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(self.folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn assembled(
        &self,
        manifest: Manifest,
        setup: SqlFile,
        files: Vec<HandlerFile>,
        by_type: BTreeMap<EventType, usize>,
    ) -> Option<SqlProjection> {
        let handlers = by_type.iter().map(|(event_type, file)| {
            let HandlerFile { file, statement } = &files[*file];
            (event_type.as_str(), statement.is_set_based(), cut(&file.text).unwrap_or_default())
        });
        let fingerprint = FolderFingerprint::of(&manifest, &cut(&setup.text).ok()?, handlers);
        Some(SqlProjection { manifest, setup, files, by_type, fingerprint })
    }
}

#[cfg(test)]
mod tests;
