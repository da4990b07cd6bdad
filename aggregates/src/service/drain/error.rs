//! Why nothing begins any more.

/// The command service is being shut down; nothing was written. Send the command to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("command service is shut down, nothing was written; send the command to another process")]
#[non_exhaustive]
pub struct DrainError;
