//! When a snapshot is due.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::baseline::Baseline;
use crate::loaded::Loaded;

/// How many events stand behind a snapshot before the next one is due, unless told otherwise.
pub const SNAPSHOT_EVERY_DEFAULT: u64 = 500;

/// When a snapshot is due, and how many stay. Any of several reasons is enough; each needs at least one event
/// behind the last snapshot.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use annals_aggregates::{Loaded, SnapshotPolicy};
/// # struct Account { closed: bool }
/// let policy = SnapshotPolicy::every(1_000)
///     .after_replay_of(Duration::from_millis(50))
///     .when(|account: &Loaded<Account>| account.state.closed)
///     .keeping(2);
/// # let _ = policy;
/// ```
pub struct SnapshotPolicy<A> {
    every: Option<u64>,
    replay: Option<Duration>,
    predicate: Option<Predicate<A>>,
    keep: u32,
}

type Predicate<A> = Arc<dyn Fn(&Loaded<A>) -> bool + Send + Sync>;

impl<A> Default for SnapshotPolicy<A> {
    /// Every [`SNAPSHOT_EVERY_DEFAULT`] events.
    fn default() -> Self {
        Self::every(SNAPSHOT_EVERY_DEFAULT)
    }
}

impl<A> SnapshotPolicy<A> {
    /// Never, as a beginning for other reasons.
    pub fn never() -> Self {
        Self { every: None, replay: None, predicate: None, keep: 1 }
    }

    /// Whenever so many events, at least one, stand behind the last snapshot.
    pub fn every(events: u64) -> Self {
        Self { every: Some(events.max(1)), ..Self::never() }
    }

    /// Also when a load took so long.
    #[must_use]
    pub fn after_replay_of(self, time: Duration) -> Self {
        Self { replay: Some(time), ..self }
    }

    /// Also when the state is such.
    #[must_use]
    pub fn when(self, is_due: impl Fn(&Loaded<A>) -> bool + Send + Sync + 'static) -> Self {
        Self { predicate: Some(Arc::new(is_due)), ..self }
    }

    /// Keeps so many of the youngest snapshots of a stream; one unless told otherwise. Older ones serve
    /// [`load_at`](crate::Repository::load_at).
    #[must_use]
    pub fn keeping(self, snapshots: u32) -> Self {
        Self { keep: snapshots.max(1), ..self }
    }

    pub(super) fn keep(&self) -> u32 {
        self.keep
    }

    pub(super) fn is_due(&self, baseline: &Baseline<A>) -> bool {
        let events = baseline.events_since_snapshot();
        events > 0
            && (self.every.is_some_and(|every| events >= every)
                || self.replay.is_some_and(|time| baseline.replay >= time)
                || self.predicate.as_ref().is_some_and(|is_due| is_due(&baseline.loaded)))
    }
}

impl<A> fmt::Debug for SnapshotPolicy<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotPolicy")
            .field("every", &self.every)
            .field("replay", &self.replay)
            .field("predicate", &self.predicate.is_some())
            .field("keep", &self.keep)
            .finish()
    }
}
