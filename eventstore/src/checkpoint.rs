//! Checkpoints: how far a consumer has come.

use uuid::Uuid;

use crate::cursor::Cursor;
use crate::event_id::EventId;
use crate::position::GlobalPosition;

/// Which log a position belongs to. A log that was restored or failed over gets a new lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lineage(pub Uuid);

/// How far a consumer has come in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log the position belongs to.
    pub lineage: Lineage,
    /// Everything up to here is done.
    pub position: GlobalPosition,
    /// The event that stands there, if it is known.
    pub event_id: Option<EventId>,
}

impl Checkpoint {
    /// Returns where reading goes on.
    pub fn cursor(&self) -> Cursor {
        Cursor { position: self.position, event_id: self.event_id }
    }
}

/// One slot of a consumer: events are dealt to slots by a key, and each slot has its own checkpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u16);

/// The right to move a checkpoint: a number that rises with each owner, so that an old owner is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseEpoch(pub i64);
