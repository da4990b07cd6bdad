//! Leases of slots: who may work on which, as transitions that know no database.
//!
//! ```text
//! lease        free -> held(owner, epoch, until) -> free …          free: nobody, or the time is over
//! checkpoint   (epoch, position) -> claimed: (epoch + 1, position) -> advanced: (epoch, later position) …
//! ```
//!
//! Guarantees, together with a database that carries each transition out on a locked row
//! - a slot is taken only while it is free, and each time under an epoch that was never before;
//! - a checkpoint moves only under its present epoch and only from where its owner left it, so whoever was overtaken
//!   changes nothing, however late it wakes;
//! - time decides who works and never what is true: an owner whose lease is over and whom nobody replaced goes on.
//!
//! Leaves to others: the rows (`postgres::lease`), who takes how many (the runner).

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::checkpoint::LeaseEpoch;
use crate::position::GlobalPosition;

/// One run of one runner: a process that begins again is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunnerId(pub Uuid);

impl RunnerId {
    /// Draws the id of a new run.
    #[expect(clippy::new_without_default, reason = "no two are the same")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl std::fmt::Display for RunnerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who has a slot, and until when by the clock of the database.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Lease, LeaseEpoch, RunnerId};
/// # use std::time::Duration;
/// let (now, term) = (chrono::DateTime::UNIX_EPOCH, Duration::from_secs(10));
/// let (one, other) = (RunnerId::new(), RunnerId::new());
///
/// let held = Lease::FREE.take(now, one, LeaseEpoch(1), term).expect("it is free");
/// assert_eq!(held.take(now + term / 2, other, LeaseEpoch(2), term), None);
/// assert!(held.take(now + term, other, LeaseEpoch(2), term).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who has it; nobody where it was given back, or never taken.
    pub owner: Option<RunnerId>,
    /// The epoch of the checkpoint under which it was taken.
    pub epoch: LeaseEpoch,
    /// When it is over, unless it is renewed.
    pub until: DateTime<Utc>,
}

impl Lease {
    /// A lease that nobody ever had.
    pub const FREE: Self = Self { owner: None, epoch: LeaseEpoch(0), until: DateTime::UNIX_EPOCH };

    /// Tells whether somebody else may take it.
    pub fn is_free(&self, now: DateTime<Utc>) -> bool {
        self.owner.is_none() || self.until <= now
    }

    /// Takes the slot under the epoch that its checkpoint was claimed with; nothing unless it is free.
    pub fn take(&self, now: DateTime<Utc>, by: RunnerId, epoch: LeaseEpoch, term: Duration) -> Option<Self> {
        self.is_free(now).then(|| Self { owner: Some(by), epoch, until: now + term })
    }

    /// Holds the slot for another term; nothing when somebody else has it by now.
    ///
    /// A lease that is over is renewed as long as nobody took it: the epoch tells that nothing happened meanwhile.
    pub fn renew(&self, now: DateTime<Utc>, by: RunnerId, epoch: LeaseEpoch, term: Duration) -> Option<Self> {
        self.is_held(by, epoch).then(|| Self { until: now + term, ..*self })
    }

    /// Gives the slot back, for whoever wants it next; nothing when somebody else has it by now.
    pub fn release(&self, by: RunnerId, epoch: LeaseEpoch) -> Option<Self> {
        self.is_held(by, epoch).then_some(Self { owner: None, ..*self })
    }

    fn is_held(&self, by: RunnerId, epoch: LeaseEpoch) -> bool {
        self.owner == Some(by) && self.epoch == epoch
    }
}

/// The part of a checkpoint that decides who moves it: the row as it stands, or what its owner knows of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fence {
    /// Whoever claimed it last.
    pub epoch: LeaseEpoch,
    /// Everything up to here is done.
    pub position: GlobalPosition,
}

impl Fence {
    /// Claims the checkpoint: owners before are refused from now on.
    #[must_use]
    pub fn claim(&self) -> Self {
        Self { epoch: LeaseEpoch(self.epoch.0 + 1), ..*self }
    }

    /// Moves the checkpoint for an owner that knows it as `held`; nothing when it is another one by now.
    pub fn advance(&self, held: Self, to: GlobalPosition) -> Option<Self> {
        (*self == held).then_some(Self { position: to, ..held })
    }
}
