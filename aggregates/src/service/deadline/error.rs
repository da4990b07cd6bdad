//! What a deadline that passed means.

use crate::service::command::CommandId;

/// The deadline of a command passed before it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeadlineError {
    /// It had not begun; nothing was written, and nothing will be. Send it again.
    #[error(
        "command {command_id} had not begun when its deadline passed, nothing was written: send it again"
    )]
    NotBegun {
        /// The command.
        command_id: CommandId,
    },
    /// It had begun: its events may be there, or may yet come. Send it again with the same command id: what was done is
    /// not done twice. That it was applied, now or already, is final. A refusal is not, while the first try may still be
    /// under way; after [`EventStore::cancel_key`](annals_eventstore::EventStore::cancel_key) nothing can come of it.
    #[error(
        "command {command_id} was not answered by its deadline and may have an effect: \
         send it again with the same command id"
    )]
    EffectUnknown {
        /// The command.
        command_id: CommandId,
        /// Whose deadline it was.
        whose: DeadlineOwner,
    },
}

/// Whose deadline of a command it was that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlineOwner {
    /// The service's own: a log that is well answers within it.
    Service,
    /// The caller's ([`crate::service::Command::by`]), who may be in a hurry; it says nothing about the log.
    Caller,
}
