//! What a program writes and reads, kept in a file under version control: names, schema versions and shapes of events.
//!
//! The derive describes each event; the file holds what was described when it was written; the two are compared.
//!
//! Guarantees
//! - what makes old events unreadable, or new ones for programs that were not updated, is told apart from what does not;
//! - the file is the same whatever the order of declarations is: its changes are those of the events.
//!
//! Leaves to others: what a field's own type holds. It is seen as it is written in the source, one level deep.

mod change;
mod compare;
mod described;
mod file;
mod shape;
mod verb;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use change::SchemaChange;
pub use described::{Described, DescribedEvent, DescribedField, DescribedHolds};
pub use file::SchemaFileError;
pub use shape::{EventShape, FieldShape};

/// The events of a program, by category and name, each with its schema version and shape.
///
/// It is gathered from the types that derive [`Event`](crate::Event), and kept as a JSON file in the repository of the
/// program. `schema check` compares the two and tells what breaks; `schema write` brings the file up to date.
///
/// # Examples
///
/// The binary of a program gets both verbs by a few lines:
///
/// ```
/// use annals_eventstore::{Event, EventSchema};
///
/// #[derive(Event)]
/// #[event(crate = annals_eventstore)]
/// enum AccountEvent {
///     #[event(name = "account-opened")]
///     Opened { owner: String },
///     #[event(name = "account-closed")]
///     Closed,
/// }
///
/// fn schema() -> EventSchema {
///     EventSchema::new().with::<AccountEvent>("account")
/// }
///
/// fn main() -> std::process::ExitCode {
///     let arguments: Vec<String> = std::env::args().skip(1).collect();
///     if arguments.first().is_some_and(|verb| verb == "schema") {
///         return schema().run("events.json", &arguments[1..]);
///     }
///     // … what the program is for
///     std::process::ExitCode::SUCCESS
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventSchema(BTreeMap<String, BTreeMap<String, EventShape>>);

impl EventSchema {
    /// Begins with no events.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the events of a type, under the category of the streams that hold them.
    ///
    /// Several types of one category are told one after the other.
    ///
    /// # Panics
    ///
    /// Where two of them have an event of the same name.
    #[must_use]
    pub fn with<E: Described>(mut self, category: &str) -> Self {
        let events = self.0.entry(category.to_owned()).or_default();
        for event in E::EVENTS {
            let before = events.insert(event.name.to_owned(), EventShape::of(event));
            assert!(before.is_none(), "two types of {category:?} have an event {:?}", event.name);
        }
        self
    }

    /// Returns what is different from a schema that was kept, and what of it breaks.
    pub fn changes_since(&self, kept: &EventSchema) -> Vec<SchemaChange> {
        compare::changes(&kept.0, &self.0)
    }
}
