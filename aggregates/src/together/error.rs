//! Why commands were not carried out together.

use annals_eventstore::{AppendError, Claim, InvalidStreamName, StreamName};

use crate::error::{Fault, LoadError};

/// Why none of several commands was carried out.
///
/// Only after [`TogetherError::OutcomeUnknown`] may something have been written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TogetherError {
    /// One of the aggregates said no, on a state that was current; nothing was written. The text is the
    /// refusal's own; [`TogetherError::refusal`] gives it back with its type.
    #[error("{refusal}")]
    Refused {
        /// The stream of the aggregate that refused.
        stream: StreamName,
        /// Which command was refused, counted from 0 in the order given.
        command: usize,
        /// What the domain said.
        refusal: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A claim that one of the decisions takes is held by another stream, which none of the commands has release it;
    /// nothing was written. To the one who asked this is a no, as a refusal is.
    #[error("claim {claim} is held by stream {holder}, nothing was written")]
    Claimed {
        /// The claim.
        claim: Claim,
        /// The stream that holds it.
        holder: StreamName,
    },
    /// Other writers came first each time, or a stream that was to be checked is not as demanded; nothing was
    /// written. Try again later, or with more attempts.
    #[error("one of the streams changed during each of {attempts} attempts, nothing was written")]
    Conflict {
        /// How many times everything was decided and lost.
        attempts: u32,
        /// How the last attempt was lost; it names the stream.
        #[source]
        source: AppendError,
    },
    /// The connection broke before the append was answered, and the answer could not be had by asking again:
    /// the events may be there. Under an idempotency key execute the commands again; without one, load the
    /// aggregates and look.
    #[error("the streams may or may not have been written to ({sends} sends without an answer)")]
    OutcomeUnknown {
        /// How many times the same events were sent.
        sends: u32,
        /// How the last send failed.
        #[source]
        source: AppendError,
    },
    /// A machine failed or the call makes no sense; nothing was written.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl TogetherError {
    /// Returns what the domain said, if it was an aggregate with this kind of refusal that said no.
    pub fn refusal<R: std::error::Error + 'static>(&self) -> Option<&R> {
        match self {
            Self::Refused { refusal, .. } => refusal.downcast_ref(),
            Self::Claimed { .. } | Self::Conflict { .. } | Self::OutcomeUnknown { .. } | Self::Fault(_) => {
                None
            }
        }
    }

    /// True where the same commands may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Fault(fault) => fault.is_transient(),
            Self::Refused { .. } | Self::Claimed { .. } | Self::OutcomeUnknown { .. } => false,
        }
    }
}

/// So that adding a command and executing them end in one error.
impl From<InvalidStreamName> for TogetherError {
    fn from(invalid: InvalidStreamName) -> Self {
        Fault::from(LoadError::from(invalid)).into()
    }
}
