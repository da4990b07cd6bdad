//! Why a command sent to the service was not carried out, or not answered.

use std::error::Error;
use std::time::Duration;

use super::breaker::{BreakerError, Evidence, TellsEvidence};
use super::deadline::{DeadlineError, DeadlineOwner};
use super::drain::DrainError;
use super::idempotency::IdempotencyError;
use super::outcome::TellsOutcome;
use super::shed::ShedError;
use super::trace::TellsFailure;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::handle::HandleError;
use crate::telemetry::CommandOutcome;

/// Why a command sent to the service was not carried out, or not answered.
///
/// Where it may have been carried out – [`CommandError::may_have_effect`] – send it again with the same command id:
/// what was done is not done twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError<R> {
    /// By the aggregate, the log or the machine: refused, in conflict, of unknown outcome, or failed.
    #[error(transparent)]
    Handle(HandleError<R>),
    /// The command's id is that of another command, or was cancelled; nothing was written.
    #[error(transparent)]
    Id(IdempotencyError<R>),
    /// Too many commands are under way; nothing was written. Send it again after a pause.
    #[error(transparent)]
    Shed(#[from] ShedError),
    /// Its deadline passed: before it began, or with an effect that is unknown. Send it again with the same id.
    #[error(transparent)]
    Deadline(#[from] DeadlineError),
    /// The log could not be reached lately; nothing was written. Send it again after the time that is told.
    #[error(transparent)]
    Breaker(#[from] BreakerError),
    /// The service is being shut down; nothing was written. Send it to another process.
    #[error(transparent)]
    ShutDown(#[from] DrainError),
}

impl<R> From<IdempotencyError<R>> for CommandError<R> {
    fn from(error: IdempotencyError<R>) -> Self {
        match error {
            IdempotencyError::Handle(error) => Self::Handle(error),
            of_the_id => Self::Id(of_the_id),
        }
    }
}

impl<R> CommandError<R> {
    /// Returns what the domain said, if it was the domain that said no.
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Handle(error) => error.refusal(),
            Self::Id(_) | Self::Shed(_) | Self::Deadline(_) | Self::Breaker(_) | Self::ShutDown(_) => None,
        }
    }

    /// True where something may have been written, or may yet be: the command id finds out.
    pub fn may_have_effect(&self) -> bool {
        matches!(
            self,
            Self::Handle(
                HandleError::Lost { .. }
                    | HandleError::Interrupted { .. }
                    | HandleError::Execute(ExecuteError::OutcomeUnknown { .. })
            ) | Self::Deadline(DeadlineError::EffectUnknown { .. })
        )
    }

    /// True where the same command may succeed later, unchanged and under the same id.
    ///
    /// An unknown effect is among them: under its id the command has none twice.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Handle(error) => error.is_transient() || self.may_have_effect(),
            Self::Id(_) => false,
            Self::Shed(_) | Self::Deadline(_) | Self::Breaker(_) | Self::ShutDown(_) => true,
        }
    }

    /// Returns after which time it is worth sending the command again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Breaker(open) => Some(open.retry_after),
            _ => None,
        }
    }
}

impl<R> TellsOutcome for CommandError<R> {
    fn outcome(&self) -> CommandOutcome {
        match self {
            Self::Handle(error) => outcome_of_handle(error),
            Self::Id(_) => CommandOutcome::Fault,
            Self::Shed(_) => CommandOutcome::Shed,
            Self::Deadline(_) => CommandOutcome::Timeout,
            Self::Breaker(_) => CommandOutcome::BreakerOpen,
            Self::ShutDown(_) => CommandOutcome::ShutDown,
        }
    }
}

fn outcome_of_handle<R>(error: &HandleError<R>) -> CommandOutcome {
    match error {
        HandleError::Execute(ExecuteError::Refused(_) | ExecuteError::Claimed { .. }) => {
            CommandOutcome::Refused
        }
        HandleError::Execute(ExecuteError::Conflict { .. }) => CommandOutcome::Conflict,
        HandleError::Execute(ExecuteError::OutcomeUnknown { .. })
        | HandleError::Lost { .. }
        | HandleError::Interrupted { .. } => CommandOutcome::Unknown,
        HandleError::Execute(ExecuteError::Fault(_)) | HandleError::Panicked { .. } => CommandOutcome::Fault,
        HandleError::Busy { .. } => CommandOutcome::Shed,
        HandleError::ShutDown => CommandOutcome::ShutDown,
    }
}

impl<R> TellsEvidence for CommandError<R> {
    fn evidence(&self) -> Evidence {
        match self {
            Self::Handle(HandleError::Execute(error)) => evidence_of(error),
            // The log has looked the id up.
            Self::Id(_) => Evidence::Answered,
            // Begun and not answered in all the time that the service gives: a log that has fallen silent looks like
            // this, and like nothing else. A slow one that answers anybody in between is told apart by that.
            Self::Deadline(DeadlineError::EffectUnknown { whose: DeadlineOwner::Service, .. }) => {
                Evidence::NotReached
            }
            // A caller may be in more of a hurry than any log can be.
            Self::Deadline(DeadlineError::EffectUnknown { whose: DeadlineOwner::Caller, .. }) => {
                Evidence::None
            }
            Self::Handle(_)
            | Self::Deadline(DeadlineError::NotBegun { .. })
            | Self::Shed(_)
            | Self::Breaker(_)
            | Self::ShutDown(_) => Evidence::None,
        }
    }
}

fn evidence_of<R>(error: &ExecuteError<R>) -> Evidence {
    match error {
        ExecuteError::OutcomeUnknown { .. } => Evidence::NotReached,
        ExecuteError::Fault(Fault::Load(LoadError::Read(error))) if error.is_connection_fault() => {
            Evidence::NotReached
        }
        ExecuteError::Fault(Fault::Append(error)) if error.is_connection_fault() => Evidence::NotReached,
        ExecuteError::Fault(Fault::Load(LoadError::StreamName(_))) => Evidence::None,
        // Also a server that made the command wait too long, takes no writes or lacks a right.
        ExecuteError::Refused(_)
        | ExecuteError::Claimed { .. }
        | ExecuteError::Conflict { .. }
        | ExecuteError::Fault(_) => Evidence::Answered,
    }
}

impl<R: Error + 'static> TellsFailure for CommandError<R> {
    fn failure(&self) -> Option<String> {
        if self.outcome() == CommandOutcome::Refused {
            return None;
        }
        let mut told = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            told = format!("{told}: {cause}");
            next = cause.source();
        }
        Some(told)
    }
}
