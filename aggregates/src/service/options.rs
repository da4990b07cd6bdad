//! How commands are let through.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::breaker::BreakerOptions;
use crate::repository::EXECUTE_ATTEMPTS_DEFAULT;

/// How many commands are under way at once, unless told otherwise.
pub const CONCURRENT_COMMANDS_DEFAULT: usize = 256;

/// How long a command may take, unless told otherwise.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(10);

/// The most that a semaphore counts.
const PLACES_MAX: usize = Semaphore::MAX_PERMITS;

/// What happens to a command for which there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is turned away at once: the service is always ready.
    #[default]
    Shed,
    /// Its caller waits in the call, until there is a place, its deadline or the service's limit passes (it has not begun
    /// then), or the service is shut down; the service's limit counts anew from when there was a place. Callers who ask
    /// whether it is ready (`poll_ready`) pass the pressure on; that wait ends with a place or with the service.
    Wait,
}

/// How commands are let through.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use annals_aggregates::service::{CommandServiceOptions, WhenFull};
/// let patient = CommandServiceOptions {
///     when_full: WhenFull::Wait,
///     deadline: Some(Duration::from_secs(60)),
///     ..CommandServiceOptions::default()
/// };
/// patient.validate()?;
/// # Ok::<(), annals_aggregates::service::InvalidCommandServiceOptions>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandServiceOptions {
    /// The most commands under way at once, at least one; [`CONCURRENT_COMMANDS_DEFAULT`] by default, none for as many
    /// as come. Each holds its command in memory, and most of them wait for a connection of the pool.
    pub concurrent_commands: Option<usize>,
    /// What happens to one more; it is turned away by default.
    pub when_full: WhenFull,
    /// How long a command may take from when it was called, more than zero; [`DEADLINE_DEFAULT`] by default, none for
    /// as long as it takes. Longer than the log tries by itself tells more: shorter ones leave effects unknown that
    /// the log would have found out.
    pub deadline: Option<Duration>,
    /// The circuit breaker; [`BreakerOptions::default`] by default, none for a service without. It needs a deadline.
    pub breaker: Option<BreakerOptions>,
    /// The most decisions taken for a command before a conflict is told, at least one; [`EXECUTE_ATTEMPTS_DEFAULT`] by
    /// default.
    pub attempts: u32,
}

impl Default for CommandServiceOptions {
    fn default() -> Self {
        Self {
            concurrent_commands: Some(CONCURRENT_COMMANDS_DEFAULT),
            when_full: WhenFull::default(),
            deadline: Some(DEADLINE_DEFAULT),
            breaker: Some(BreakerOptions::default()),
            attempts: EXECUTE_ATTEMPTS_DEFAULT,
        }
    }
}

impl CommandServiceOptions {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`InvalidCommandServiceOptions`], with everything that is wrong.
    pub fn validate(&self) -> Result<(), InvalidCommandServiceOptions> {
        let breaker = self.breaker.unwrap_or_default();
        let faults = [
            (self.concurrent_commands == Some(0), "concurrent_commands: none can be under way"),
            (
                self.concurrent_commands.is_some_and(|limit| limit > PLACES_MAX),
                "concurrent_commands: more than can be counted; none for as many as come",
            ),
            (self.deadline == Some(Duration::ZERO), "deadline: it has passed when a command is called"),
            (
                self.breaker.is_some() && self.deadline.is_none(),
                "breaker: without a deadline a log that falls silent never opens it",
            ),
            (breaker.failures_in_a_row == 0, "breaker.failures_in_a_row: it would open for nothing"),
            (breaker.open_for.is_zero(), "breaker.open_for: it would be closed as soon as it opens"),
            (breaker.probes == 0, "breaker.probes: it would never close"),
            (breaker.probes > PLACES_MAX, "breaker.probes: more than can be counted"),
            (self.attempts == 0, "attempts: no decision would be taken"),
        ];
        let faults: Vec<&'static str> =
            faults.into_iter().filter_map(|(is_wrong, fault)| is_wrong.then_some(fault)).collect();
        if faults.is_empty() { Ok(()) } else { Err(InvalidCommandServiceOptions { faults }) }
    }
}

/// Options that make no command service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("command service cannot be made: {}", faults.join("; "))]
#[non_exhaustive]
pub struct InvalidCommandServiceOptions {
    /// Everything that is wrong, each with the name of its field.
    pub faults: Vec<&'static str>,
}
