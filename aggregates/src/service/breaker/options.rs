//! When the breaker opens, and for how long.

use std::time::Duration;

/// How many times in a row the log is not reached before the breaker opens, unless told otherwise.
pub const BREAKER_FAILURES_DEFAULT: usize = 16;

/// How long the breaker stays open, unless told otherwise.
pub const BREAKER_OPEN_DEFAULT: Duration = Duration::from_secs(5);

/// How many commands are let through to see whether the log can be reached again, unless told otherwise.
pub const BREAKER_PROBES_DEFAULT: usize = 1;

/// When the circuit breaker opens, and for how long.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use annals_aggregates::service::BreakerOptions;
/// let patient = BreakerOptions { failures_in_a_row: 100, ..BreakerOptions::default() };
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// How many times in a row the log has to be out of reach, at least one; [`BREAKER_FAILURES_DEFAULT`] by default.
    /// One answer in between begins the count anew. Fewer open it for a short disturbance, more let more commands
    /// wait for nothing.
    pub failures_in_a_row: usize,
    /// How long all commands are turned away, more than zero; [`BREAKER_OPEN_DEFAULT`] by default. A log that is back
    /// is noticed so much later.
    pub open_for: Duration,
    /// How many commands are let through afterwards, at least one; [`BREAKER_PROBES_DEFAULT`] by default. All of them
    /// have to be answered before the breaker closes.
    pub probes: usize,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures_in_a_row: BREAKER_FAILURES_DEFAULT,
            open_for: BREAKER_OPEN_DEFAULT,
            probes: BREAKER_PROBES_DEFAULT,
        }
    }
}
