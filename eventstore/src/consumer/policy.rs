//! When a consumer keeps its position.

use std::time::Duration;

/// How often a consumer keeps its position. What was handled since the last time comes again after a crash.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::CheckpointPolicy;
/// # use std::time::Duration;
/// let after_each_event = CheckpointPolicy::each_event();
/// let seldom = CheckpointPolicy { events: 10_000, idle: Duration::from_secs(5) };
/// # let _ = (after_each_event, seldom);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// After so many events, handled or passed over; 1 000 by default. Every time costs a write.
    pub events: usize,
    /// When no event has come for so long and something is not kept yet; 1 s by default.
    pub idle: Duration,
}

impl Default for CheckpointPolicy {
    fn default() -> Self {
        Self { events: 1_000, idle: Duration::from_secs(1) }
    }
}

impl CheckpointPolicy {
    /// Keeps the position after each event: the dearest, and at most one event comes twice.
    pub fn each_event() -> Self {
        Self { events: 1, ..Self::default() }
    }
}
