//! Why a slot stops.

use deadpool_postgres::{PoolError, TimeoutType};

use super::breaker::{Evidence, TellsEvidence};
use super::checkpoint::CheckpointError;
use super::fault::is_transient;
use crate::connection_fault::is_connection_fault;
use crate::handler::HandlerError;
use crate::position::GlobalPosition;
use crate::read::ReadError;
use crate::tailer::StopReason;

/// Why a slot stopped by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotError {
    /// The handler failed; the batch was rolled back and will come again.
    #[error("handler failed on the batch from position {from} to {to}")]
    Handler {
        /// The first event of the batch.
        from: GlobalPosition,
        /// The last event of the batch.
        to: GlobalPosition,
        /// What the handler said.
        #[source]
        source: HandlerError,
    },
    /// What the handler was asked for failed; nothing of it was written. It is asked again.
    #[error("handler failed on what it was asked for, at position {at}; nothing of it was written")]
    Errand {
        /// How far the slot had come.
        at: GlobalPosition,
        /// What the handler said.
        #[source]
        source: HandlerError,
    },
    /// The batch came again although an attempt before had been stored, whose answer was lost. It goes on behind it.
    #[error("batch from position {from} to {to} had been stored before, and its answer was lost")]
    AnswerLost {
        /// The first event of the batch.
        from: GlobalPosition,
        /// The last event of the batch.
        to: GlobalPosition,
    },
    /// The checkpoint is not ours any more, or belongs to another log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The log cannot be read, or the tailer was stopped.
    #[error(transparent)]
    Subscription(#[from] StopReason),
    /// The transaction failed; the batch was rolled back and will come again.
    #[error("transaction of a batch failed")]
    Transaction(#[from] tokio_postgres::Error),
}

impl SlotError {
    /// True where the same batch may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Handler { source, .. } | Self::Errand { source, .. } => is_transient_cause(source),
            Self::Checkpoint(error) => error.is_transient(),
            // What passes was waited for.
            Self::Subscription(_) => false,
            Self::AnswerLost { .. } => true,
            Self::Transaction(error) => is_transient(error),
        }
    }
}

impl TellsEvidence for SlotError {
    fn evidence(&self) -> Evidence {
        match self {
            // All connections are lent, or the log has something to say.
            Self::Checkpoint(CheckpointError::Unavailable(PoolError::Timeout(TimeoutType::Wait)))
            | Self::Subscription(_) => Evidence::Nothing,
            Self::Checkpoint(CheckpointError::Unavailable(_) | CheckpointError::Database(_))
            | Self::Transaction(_)
                if is_connection_fault(self) =>
            {
                Evidence::NotReached
            }
            // Behind what a handler said stands the answer to where the checkpoint is.
            _ => Evidence::Answered,
        }
    }
}

/// True where what a handler failed by passes by itself, as its causes tell: the connection broke, the server is not to
/// be had, or another transaction was in the way.
pub fn is_transient_cause(error: &HandlerError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    std::iter::from_fn(|| {
        let this = cause?;
        cause = this.source();
        Some(this)
    })
    .any(|cause| {
        cause.downcast_ref().is_some_and(is_transient)
            || cause.downcast_ref::<ReadError>().is_some_and(ReadError::is_transient)
            || cause.downcast_ref::<CheckpointError>().is_some_and(CheckpointError::is_transient)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_connection(error: PoolError) -> SlotError {
        SlotError::Checkpoint(CheckpointError::Unavailable(error))
    }

    #[test]
    fn what_says_that_the_database_was_not_reached_is_told_from_its_answers_and_from_what_says_nothing() {
        let at = GlobalPosition::START;
        let overtaken = CheckpointError::TakenOver { consumer: "balances".to_owned() };
        let poison = SlotError::Handler { from: at, to: at, source: "it cannot be applied".into() };

        let lent = without_connection(PoolError::Timeout(TimeoutType::Wait));
        let unreachable = without_connection(PoolError::Timeout(TimeoutType::Create));

        assert_eq!(unreachable.evidence(), Evidence::NotReached);
        assert_eq!(lent.evidence(), Evidence::Nothing);
        assert_eq!(SlotError::Subscription(StopReason::TailerStopped).evidence(), Evidence::Nothing);
        assert_eq!(SlotError::Checkpoint(overtaken).evidence(), Evidence::Answered);
        assert_eq!(SlotError::AnswerLost { from: at, to: at }.evidence(), Evidence::Answered);
        assert_eq!(poison.evidence(), Evidence::Answered);
    }
}
