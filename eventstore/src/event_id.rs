//! Ids of events.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of one event: a UUID, drawn by the writer so that a repeated append is recognised.
///
/// [`EventId::new`] draws version 7 ids, which rise with time and are kind to indexes; any UUID is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// Draws a new id.
    #[expect(clippy::new_without_default, reason = "every call draws another id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for EventId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<EventId> for Uuid {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
