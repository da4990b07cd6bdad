//! Ambiguous appends: the connection broke before the answer, so the log is asked again.
//!
//! ```text
//! sent --answer--> known
//! sent --connection lost--> unknown --sent again on a fresh connection--> known, or unknown after all
//! ```
//!
//! Guarantees
//! - only an append that the log recognises is sent again: under a key, or at `NoStream` or an exact version;
//! - an answer is final only when it speaks of the log; a server that cannot be reached, or that failed in a
//!   way of its own, says nothing about the first sending.
//!
//! The first sending may still be under way in the server. Both meet at the stream's row and at the key: one is
//! stored, the other one finds it or comes too late for its version.

use std::future::Future;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use tracing::warn;

use super::session::Session;
use crate::append::AppendError;
use crate::telemetry::{APPEND_AMBIGUITIES, APPEND_RETRIES, Ambiguity, PAUSES, Pause};

/// How often, and in what steps, the log is asked again: about five seconds, enough for a server that restarts
/// after a crash.
const ATTEMPTS_MAX: usize = 10;
const DELAY_MIN: Duration = Duration::from_millis(20);
const DELAY_MAX: Duration = Duration::from_secs(1);
/// A server that takes connections and does not answer is asked anew no longer than this.
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// Sends, and sends again while the outcome is unknown and a repetition is recognised.
pub(super) async fn resolved<T, S>(
    session: &Session,
    repeatable: bool,
    send: impl Fn() -> S,
) -> Result<T, AppendError>
where
    S: Future<Output = Result<T, AppendError>>,
{
    let unknown = match send().await {
        Err(unknown @ AppendError::OutcomeUnknown(..)) if repeatable => unknown,
        known => return known,
    };
    warn!(error = &unknown as &dyn std::error::Error, "append lost its connection; asking again");
    // What broke one connection may have broken the idle ones, which do not know it yet.
    let lost_at = Instant::now();
    session.pool.retain(|_, connection| connection.created > lost_at);
    let patience = ExponentialBuilder::default()
        .with_min_delay(DELAY_MIN)
        .with_max_delay(DELAY_MAX)
        .with_max_times(ATTEMPTS_MAX)
        .with_jitter();
    let again = || {
        APPEND_RETRIES.count(());
        send()
    };
    let answer = again
        .retry(patience)
        .when(|failure| !is_final(failure) && lost_at.elapsed() < PATIENCE_MAX)
        .notify(|_, _| PAUSES.count(Pause::Append))
        .await;
    match answer {
        Err(failure) if !is_final(&failure) => {
            APPEND_AMBIGUITIES.count(Ambiguity::Unresolved);
            Err(unknown)
        }
        known => {
            APPEND_AMBIGUITIES.count(Ambiguity::Resolved);
            known
        }
    }
}

/// True for a refusal that says what the log holds, and so whether the first sending was stored. A tombstone
/// does not: it may have come after it.
fn is_final(failure: &AppendError) -> bool {
    matches!(
        failure,
        AppendError::WrongVersion { .. }
            | AppendError::StreamNotFound(_)
            | AppendError::KeyReused { .. }
            | AppendError::KeyCancelled { .. }
            | AppendError::Claimed { .. }
            | AppendError::DuplicateEventId(_)
            | AppendError::Malformed(_)
    )
}
