//! What is wrong with the id of a command.

use annals_eventstore::AppendError;

use crate::error::{ExecuteError, Fault};
use crate::handle::HandleError;
use crate::service::command::CommandId;

/// Why a command under its id was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdempotencyError<R> {
    /// The id was used before for another command: something was stored under it then, and nothing was written now.
    /// Draw an id for each command.
    #[error(
        "command id {0} was used before for another command and something was stored under it, \
         nothing was written now"
    )]
    IdReused(CommandId),
    /// The id was closed before it was used; nothing was written, and nothing ever will be under it.
    #[error("command id {0} is cancelled, nothing was written and nothing ever will be under it")]
    IdCancelled(CommandId),
    /// For a reason that has nothing to do with the id.
    #[error(transparent)]
    Handle(HandleError<R>),
}

impl<R> IdempotencyError<R> {
    /// Tells what is wrong with the id from everything else.
    pub(super) fn of(command_id: CommandId, error: HandleError<R>) -> Self {
        match error {
            HandleError::Execute(ExecuteError::Fault(Fault::Append(AppendError::KeyReused { .. }))) => {
                Self::IdReused(command_id)
            }
            HandleError::Execute(ExecuteError::Fault(Fault::Append(AppendError::KeyCancelled {
                ..
            }))) => Self::IdCancelled(command_id),
            other => Self::Handle(other),
        }
    }
}
