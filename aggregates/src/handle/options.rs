//! How handles are kept.

use std::time::Duration;

/// How many commands wait for one aggregate, unless told otherwise.
pub const MAILBOX_COMMANDS_DEFAULT: usize = 64;

/// How many commands are stored in one append, unless told otherwise.
pub const BATCH_COMMANDS_DEFAULT: usize = 64;

/// How long an aggregate that is asked nothing stays in memory, unless told otherwise.
pub const IDLE_DEFAULT: Duration = Duration::from_secs(60);

/// How handles are kept.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use annals_aggregates::HandleOptions;
/// let short_lived = HandleOptions { idle: Duration::from_secs(5), ..HandleOptions::default() };
/// # let _ = short_lived;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandleOptions {
    /// The most commands that wait for one aggregate, at least one; [`MAILBOX_COMMANDS_DEFAULT`] by default. One
    /// more waits for room or is refused, as its sender wishes.
    pub mailbox_commands: usize,
    /// The most commands whose events are stored in one append, at least one; [`BATCH_COMMANDS_DEFAULT`] by
    /// default.
    pub batch_commands: usize,
    /// How long an aggregate that is asked nothing stays in memory; [`IDLE_DEFAULT`] by default.
    pub idle: Duration,
}

impl Default for HandleOptions {
    fn default() -> Self {
        Self {
            mailbox_commands: MAILBOX_COMMANDS_DEFAULT,
            batch_commands: BATCH_COMMANDS_DEFAULT,
            idle: IDLE_DEFAULT,
        }
    }
}
