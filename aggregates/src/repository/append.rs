//! Appending what was decided, until the outcome is known.
//!
//! Guarantees: a lost answer is asked for again with the same event ids at the same version, which the log
//! recognises; nothing is stored twice by it, and an outcome that stays unknown is never called a failure.

use std::future::Future;

use annals_eventstore::{AppendError, Claim, StreamName};

use super::backoff::pause;

/// How many times the same events are sent: once, and again while the answer is missing.
pub(super) const SENDS_MAX: u32 = 4;

/// Why an append was not confirmed, as far as its caller acts on it.
pub(crate) enum NotAppended {
    /// Nothing was written, since the stream is not what it was: decide again.
    Conflict(AppendError),
    /// Nothing was written, since another stream holds a claim.
    Claimed { claim: Claim, holder: StreamName },
    /// It may have been written.
    Unknown { sends: u32, source: AppendError },
    /// Nothing was written, and deciding again would not help.
    Fault(AppendError),
}

/// Sends the same append, at exact versions, until the log says what became of it.
pub(crate) async fn appended<T, F>(send: impl Fn() -> F) -> Result<T, NotAppended>
where
    F: Future<Output = Result<T, AppendError>>,
{
    let mut answer_lost = false;
    let mut sends = 1;
    loop {
        let failure = match send().await {
            Ok(receipt) => return Ok(receipt),
            Err(failure) => failure,
        };
        // A wrong version, and a claim of another, prove that no earlier send got through either: it would have been recognised.
        let failure = match failure {
            AppendError::WrongVersion { .. } => return Err(NotAppended::Conflict(failure)),
            AppendError::Claimed { claim, holder } => return Err(NotAppended::Claimed { claim, holder }),
            other => other,
        };
        answer_lost |= matches!(failure, AppendError::OutcomeUnknown(..));
        if !answer_lost {
            return Err(not_appended(failure));
        }
        // Every other failure speaks of its own send alone and says nothing about the lost one.
        if sends >= SENDS_MAX || !failure.is_transient() {
            return Err(NotAppended::Unknown { sends, source: failure });
        }
        pause(sends).await;
        sends += 1;
    }
}

/// Tells a conflict from a fault, where every answer arrived.
fn not_appended(failure: AppendError) -> NotAppended {
    if failure.is_conflict() || matches!(failure, AppendError::Serialization(..)) {
        NotAppended::Conflict(failure)
    } else {
        NotAppended::Fault(failure)
    }
}
