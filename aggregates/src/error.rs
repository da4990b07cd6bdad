//! Why a load or a command had no answer, or not the one hoped for.

use std::sync::Arc;

use annals_eventstore::{
    AppendError, Claim, DecodeError, EncodeError, InvalidStreamName, ReadError, StorageError, StreamName,
    Version,
};

/// Why an aggregate could not be loaded. Loading writes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The category or the id makes no stream name.
    #[error(transparent)]
    StreamName(#[from] InvalidStreamName),
    /// The stream could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event in the stream is none of the aggregate's.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The stream has not come to the version that was asked for. Ask for an earlier one.
    #[error("stream {stream} is at version {actual} and has not come to {wanted}")]
    VersionNotReached {
        /// The aggregate's stream.
        stream: StreamName,
        /// The version asked for.
        wanted: Version,
        /// The version of its last event.
        actual: Version,
    },
}

impl LoadError {
    /// Returns an error that says the same, for one more of those whom a load failed; its cause is the error
    /// itself.
    pub(crate) fn shared(self: &Arc<Self>) -> Self {
        let cause = || Box::new(Arc::clone(self)) as StorageError;
        Self::Read(match &**self {
            Self::StreamName(invalid) => return Self::StreamName(invalid.clone()),
            Self::Read(ReadError::StreamNotFound(stream)) => ReadError::StreamNotFound(stream.clone()),
            Self::Read(ReadError::StreamDeleted(stream)) => ReadError::StreamDeleted(stream.clone()),
            Self::Read(ReadError::Unavailable(_)) => ReadError::Unavailable(cause()),
            Self::Read(_) => ReadError::Storage(cause()),
            Self::Decode(DecodeError { stream, version, event_type, .. }) => {
                let (stream, version, event_type) = (stream.clone(), *version, event_type.clone());
                return Self::Decode(DecodeError { stream, version, event_type, source: cause() });
            }
            Self::VersionNotReached { stream, wanted, actual } => {
                let (stream, wanted, actual) = (stream.clone(), *wanted, *actual);
                return Self::VersionNotReached { stream, wanted, actual };
            }
        })
    }

    /// True where the same load may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Read(read) if read.is_transient())
    }
}

/// Why a command was not carried out: the domain said no, others came first, or a machine failed.
///
/// Only after [`ExecuteError::OutcomeUnknown`] may something have been written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError<R> {
    /// The domain said no, on a state that was current; nothing was written. The text is the refusal's own.
    #[error(transparent)]
    Refused(R),
    /// A claim that the decision takes is held by another stream; nothing was written. To the one who asked this is a
    /// no, as a refusal is; it is the log's to say, since no aggregate knows the others.
    #[error("claim {claim} is held by stream {holder}, nothing was written")]
    Claimed {
        /// The claim.
        claim: Claim,
        /// The stream that holds it.
        holder: StreamName,
    },
    /// Other writers came first each time; nothing was written. Try again later, or with more attempts.
    #[error(
        "stream {stream} changed during each of {attempts} attempts, nothing was written: try again later"
    )]
    Conflict {
        /// The aggregate's stream.
        stream: StreamName,
        /// How many decisions were taken and lost.
        attempts: u32,
        /// How the last one was lost.
        #[source]
        source: AppendError,
    },
    /// The connection broke before the append was answered, and the answer could not be had by asking again:
    /// the events may be there. Under an idempotency key execute the command again; without one, load the
    /// aggregate and look.
    #[error(
        "stream {stream} may or may not have been written to ({sends} sends without an answer): \
         load it and look, or execute the command again under its idempotency key"
    )]
    OutcomeUnknown {
        /// The aggregate's stream.
        stream: StreamName,
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

impl<R> ExecuteError<R> {
    /// True where the same command may succeed later, unchanged: after lost races, and after faults that pass.
    ///
    /// An unknown outcome is not among them: without an idempotency key the repetition might do it twice.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            Self::Fault(fault) => fault.is_transient(),
            Self::Refused(_) | Self::Claimed { .. } | Self::OutcomeUnknown { .. } => false,
        }
    }

    /// Returns what the domain said, if it was the domain that said no.
    pub fn refusal(&self) -> Option<&R> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Claimed { .. } | Self::Conflict { .. } | Self::OutcomeUnknown { .. } | Self::Fault(_) => {
                None
            }
        }
    }
}

/// A command failed for a reason that is none of the domain's. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The aggregate could not be loaded.
    #[error("aggregate could not be loaded, nothing was written")]
    Load(#[from] LoadError),
    /// An event that was decided cannot be written as JSON.
    #[error("event {index} of the decision cannot be encoded, nothing was written")]
    Encode {
        /// Which event, counted from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: EncodeError,
    },
    /// The decision takes or releases claims and has no event to do it with.
    #[error("decision has claims and no events, nothing was written")]
    ClaimsWithoutEvents,
    /// The log refused the append or could not be reached.
    #[error("events could not be appended, nothing was written")]
    Append(#[source] AppendError),
}

impl Fault {
    /// True where the same command may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Load(load) => load.is_transient(),
            Self::Encode { .. } | Self::ClaimsWithoutEvents => false,
            Self::Append(append) => append.is_transient(),
        }
    }
}
