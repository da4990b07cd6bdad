//! A difference between the events of a program and those that were kept.

use std::fmt;

use serde::Serialize;

/// One difference, and whether it breaks the reading of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    /// The category of the event.
    pub category: String,
    /// Its name.
    pub event: String,
    /// Old events cannot be read any more, or new ones not by programs that know the kept version.
    pub breaks: bool,
    /// What is different, and what follows.
    pub change: String,
}

impl fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { category, event, breaks, change } = self;
        let verdict = if *breaks { "breaks" } else { "holds " };
        write!(f, "{verdict}  {category}  {event}: {change}")
    }
}
