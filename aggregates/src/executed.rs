//! What came of a command that was not refused.

use annals_eventstore::{Appended, GlobalPosition};

use crate::aggregate::Aggregate;
use crate::loaded::Loaded;

/// What came of a command that was not refused: events, nothing, or what a repetition finds done already.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Executed<A: Aggregate> {
    /// The events were stored, by this call and once.
    Applied {
        /// The aggregate after them.
        loaded: Loaded<A>,
        /// What happened.
        events: Vec<A::Event>,
        /// Where the events stand.
        receipt: Appended,
    },
    /// The decision was that nothing has to happen; nothing was written.
    NothingToDo(Loaded<A>),
    /// The idempotency key was used before for the same command (by an earlier call, or by this one before its
    /// connection broke); this answer stands for the one given then.
    AlreadyApplied(Appended),
}

impl<A: Aggregate> Executed<A> {
    /// Returns the events that this call stored.
    pub fn events(&self) -> &[A::Event] {
        match self {
            Self::Applied { events, .. } => events,
            Self::NothingToDo(_) | Self::AlreadyApplied(_) => &[],
        }
    }

    /// Returns the aggregate as this call left it; none where an earlier call did the work.
    pub fn loaded(&self) -> Option<&Loaded<A>> {
        match self {
            Self::Applied { loaded, .. } | Self::NothingToDo(loaded) => Some(loaded),
            Self::AlreadyApplied(_) => None,
        }
    }

    /// Returns where the command's events stand, whichever call stored them; none where it led to none.
    pub fn receipt(&self) -> Option<&Appended> {
        match self {
            Self::Applied { receipt, .. } | Self::AlreadyApplied(receipt) => Some(receipt),
            Self::NothingToDo(_) => None,
        }
    }

    /// Returns the position of the command's last event: a read model that has come so far shows it.
    pub fn position(&self) -> Option<GlobalPosition> {
        self.receipt().map(|receipt| receipt.to_position)
    }
}
