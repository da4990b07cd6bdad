//! `projection.toml`: what a projection is called, how its events are dealt out, and which file each type has.

use annals_eventstore::EventType;
use annals_eventstore::postgres::SchemaName;
use toml::de::{DeTable, DeValue};

use super::event_key::EventKey;
use super::fault::ManifestFault;
use super::manifest_value::{
    ErrorPolicy, error_policy, event_key, is_handler_file, is_name, own_schema, refused, shown, whole,
};

/// The most slots.
const PARTITIONS_MAX: u16 = 4096;

/// What `projection.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: i32,
    pub(super) partitions: u16,
    pub(super) schema: SchemaName,
    pub(super) key: EventKey,
    pub(super) errors: ErrorPolicy,
    pub(super) events: Vec<Declared>,
}

/// An event type and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) event_type: EventType,
    pub(super) file: String,
    /// Where the file is named, in bytes.
    pub(super) at: usize,
}

/// A fault and the byte it was found at.
pub(super) type FaultAt = (usize, ManifestFault);

impl Manifest {
    /// Reads the text of `projection.toml`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. What could be read of the events comes along, so that their files can be
    /// looked at as well.
    pub(super) fn parse(text: &str) -> Result<Self, (Vec<FaultAt>, Vec<Declared>)> {
        let (document, malformed) = DeTable::parse_recoverable(text);
        let mut reader = Reader { table: document.get_ref(), faults: Vec::new() };
        reader.faults.extend(malformed.iter().map(|error| {
            (error.span().map_or(0, |span| span.start), ManifestFault::Malformed(error.message().to_owned()))
        }));
        reader.refuse_unknown_keys();
        let name = reader.required(
            "name",
            is_name,
            "1 to 48 lower-case letters, digits, `_`, `-` and `.`, a letter first",
        );
        let version = reader.required("version", whole::<i32>(1..=i32::MAX), "a whole number from 1");
        let partitions =
            reader.optional("partitions", whole::<u16>(1..=PARTITIONS_MAX), "a whole number from 1 to 4096");
        let key = reader.optional("key", event_key, "\"stream\" or a field such as \"data.account\"");
        let errors = reader.optional("errors", error_policy, "\"park\", \"skip\" or \"stop\"");
        let schema = reader.schema(name.as_deref());
        let events = reader.events();
        match (name, version, schema) {
            (Some(name), Some(version), Some(schema)) if reader.faults.is_empty() => {
                let (partitions, key) = (partitions.unwrap_or(1), key.unwrap_or_default());
                Ok(Self {
                    name,
                    version,
                    partitions,
                    schema,
                    key,
                    errors: errors.unwrap_or_default(),
                    events,
                })
            }
            _ => Err((reader.faults, events)),
        }
    }
}

/// Takes values out of the document, and notes what is wrong with them.
struct Reader<'d, 'i> {
    table: &'d DeTable<'i>,
    faults: Vec<FaultAt>,
}

impl Reader<'_, '_> {
    fn refuse_unknown_keys(&mut self) {
        const KEYS: &[&str] = &["name", "version", "partitions", "schema", "key", "errors", "events"];
        let unknown = self.table.keys().filter(|key| !KEYS.contains(&key.get_ref().as_ref()));
        self.faults.extend(
            unknown.map(|key| (key.span().start, ManifestFault::UnknownKey(key.get_ref().to_string()))),
        );
    }

    fn optional<T>(
        &mut self,
        key: &str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
        wanted: &'static str,
    ) -> Option<T> {
        let value = self.table.get(key)?;
        let taken = read(value.get_ref());
        if taken.is_none() {
            self.faults.push((value.span().start, refused(key, wanted, value.get_ref())));
        }
        taken
    }

    fn required<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Option<T>,
        wanted: &'static str,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.faults.push((0, ManifestFault::Missing(key)));
        }
        self.optional(key, read, wanted)
    }

    /// The schema is called like the projection, unless it has a name of its own.
    fn schema(&mut self, name: Option<&str>) -> Option<SchemaName> {
        let wanted = "1 to 48 lower-case letters, digits and `_`, a letter first, and neither public nor the server's own";
        if self.table.contains_key("schema") {
            return self.optional("schema", |value| own_schema(value.as_str()?), wanted);
        }
        let schema = own_schema(name?);
        if schema.is_none() {
            self.faults.push((0, ManifestFault::Missing("schema")));
        }
        schema
    }

    fn events(&mut self) -> Vec<Declared> {
        let Some(events) = self.table.get("events") else {
            self.faults.push((0, ManifestFault::Missing("[events]")));
            return Vec::new();
        };
        let Some(table) = events.get_ref().as_table().filter(|table| !table.is_empty()) else {
            let fault =
                refused("events", "a table with at least one event type and its file", events.get_ref());
            self.faults.push((events.span().start, fault));
            return Vec::new();
        };
        let mut declared = Vec::new();
        for (name, file) in table {
            let at = file.span().start;
            let event_type = EventType::new(name.get_ref().as_ref());
            if event_type.is_err() {
                let found = shown(name.get_ref());
                let wanted = "event types: 1 to 255 bytes, no control character, no `$` in front";
                let key = "events".to_owned();
                self.faults.push((name.span().start, ManifestFault::Value { key, wanted, found }));
            }
            match (event_type, file.get_ref().as_str().filter(|file| is_handler_file(file))) {
                (Ok(event_type), Some(file)) => {
                    declared.push(Declared { event_type, file: file.to_owned(), at });
                }
                (_, Some(_)) => {}
                (_, None) => {
                    let wanted = "the name of an .sql file in this folder, other than setup.sql";
                    self.faults.push((at, refused(name.get_ref(), wanted, file.get_ref())));
                }
            }
        }
        declared
    }
}

#[cfg(test)]
mod tests;
