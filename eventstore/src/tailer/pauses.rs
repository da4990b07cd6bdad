//! Pauses between attempts to read while the storage cannot be reached.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Growing pauses, begun anew after every answer.
#[derive(Debug, Default)]
pub(super) struct Pauses(Option<ExponentialBackoff>);

impl Pauses {
    /// The storage answered.
    pub(super) fn reset(&mut self) {
        self.0 = None;
    }

    /// Returns the next pause.
    pub(super) fn next(&mut self) -> Duration {
        let first = || {
            let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
            pauses.with_max_delay(PAUSE_MAX).with_jitter().without_max_times().build()
        };
        self.0.get_or_insert_with(first).next().unwrap_or(PAUSE_MAX)
    }
}
