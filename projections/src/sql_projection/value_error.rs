//! A value of an event that a statement cannot take.

use annals_eventstore::GlobalPosition;

use super::parameter::Parameter;

/// The most of a value that is shown, in characters.
const SHOWN_MAX: usize = 80;

/// A value of an event does not fit where the statement wants it. The batch is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event at position {at}: {parameter} is no {wanted}: {found} ({file})")]
pub struct ValueError {
    /// The event.
    pub at: GlobalPosition,
    /// What the file names.
    pub parameter: Parameter,
    /// The type that the statement takes, as the server calls it.
    pub wanted: String,
    /// What the event holds, as JSON, cut short.
    pub found: String,
    /// The file.
    pub file: String,
}

/// Shows a value, cut short.
pub(super) fn shown(value: &str) -> String {
    let mut letters = value.chars();
    let mut shown: String = letters.by_ref().take(SHOWN_MAX).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}
