//! Why a command sent to a handle was not carried out.

use annals_eventstore::StreamName;

use crate::error::ExecuteError;

/// Why a command sent to a handle was not carried out.
///
/// Something may have been written only after [`HandleError::Lost`], [`HandleError::Interrupted`] and
/// [`ExecuteError::OutcomeUnknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError<R> {
    /// As of the repository: refused, in conflict, of unknown outcome, or failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError<R>),
    /// Too many commands wait for this aggregate already; nothing was written. Send it later, or wait for room.
    #[error("{commands} commands wait for stream {stream} already, nothing was written")]
    Busy {
        /// The aggregate's stream.
        stream: StreamName,
        /// How many may wait.
        commands: usize,
    },
    /// The aggregate's own code panicked over this command; nothing of it was written. The others that waited
    /// were carried out.
    #[error("aggregate {stream} panicked over a command, nothing was written: {message}")]
    Panicked {
        /// The aggregate's stream.
        stream: StreamName,
        /// What the panic said.
        message: String,
    },
    /// The aggregate's own code panicked while a repository carried out the command for a command service, before its
    /// append or after it: the events may be there. Under its command id send it again: what was done is not done twice.
    #[error(
        "aggregate {stream} panicked over a command, which may or may not have been carried out; \
         send it again under its command id: {message}"
    )]
    Interrupted {
        /// The aggregate's stream.
        stream: StreamName,
        /// What the panic said.
        message: String,
    },
    /// The handles are being shut down; nothing was written. Send it to another process.
    #[error("handles are shut down, nothing was written; send the command to another process")]
    ShutDown,
    /// The task that carried out the command ended before it answered, as when its runtime is shut down: the
    /// events may be there. Under an idempotency key send it again; without one, load the aggregate and look.
    #[error(
        "command to {stream} was lost on its way, it may or may not have been carried out; send it again under its \
         idempotency key, or load the aggregate and look"
    )]
    Lost {
        /// The aggregate's stream.
        stream: StreamName,
    },
}

impl<R> HandleError<R> {
    /// True where the same command may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Execute(error) => error.is_transient(),
            Self::Busy { .. } | Self::ShutDown => true,
            Self::Panicked { .. } | Self::Interrupted { .. } | Self::Lost { .. } => false,
        }
    }

    /// Returns what the domain said, if it was the domain that said no.
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Execute(error) => error.refusal(),
            Self::Busy { .. }
            | Self::Panicked { .. }
            | Self::Interrupted { .. }
            | Self::ShutDown
            | Self::Lost { .. } => None,
        }
    }
}
