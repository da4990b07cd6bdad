//! Cursors: where a reader has come, and by what the log can tell that it is the one that was read.

use crate::event_id::EventId;
use crate::position::GlobalPosition;

/// Where a reader of the log has come.
///
/// With the id of the event that stands there, the log can tell whether it still is the one that was read: a log that
/// was restored to an older state has another event there, or none, and reading on would skip events. Then a read ends
/// with [`ReadError::Diverged`](crate::ReadError::Diverged). Without it, nothing is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to here was read.
    pub position: GlobalPosition,
    /// The event that stands there, if it is known.
    pub event_id: Option<EventId>,
}

impl Cursor {
    /// Before the first event.
    pub const START: Self = Self { position: GlobalPosition::START, event_id: None };
}

impl From<GlobalPosition> for Cursor {
    /// A cursor that the log cannot check.
    fn from(position: GlobalPosition) -> Self {
        Self { position, event_id: None }
    }
}
