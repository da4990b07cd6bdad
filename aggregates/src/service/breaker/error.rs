//! What an open breaker says, and what errors say about the log.

use std::time::Duration;

/// The circuit breaker is open, since the log could not be reached; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("log could not be reached lately, nothing was written: send it again in {} ms", retry_after.as_millis())]
#[non_exhaustive]
pub struct BreakerError {
    /// After which time a command may be let through again.
    pub retry_after: Duration,
}

/// What the answer to a command says about the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The log has answered, whatever it said.
    Answered,
    /// The log could not be reached.
    NotReached,
    /// Nothing: the command did not come so far.
    None,
}

/// An error that tells what it says about the log.
pub trait TellsEvidence {
    /// Returns what it says about the log.
    fn evidence(&self) -> Evidence;
}
