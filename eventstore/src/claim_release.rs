//! Claims as an operator sees them: who holds one, and releasing it in place of its holder.

use chrono::{DateTime, Utc};

use crate::append::StorageError;
use crate::claim::Claim;
use crate::stream::StreamName;

/// A claim that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldClaim {
    /// The claim.
    pub claim: Claim,
    /// The stream that holds it.
    pub holder: StreamName,
    /// Since when, by the clock of the log.
    pub since: DateTime<Utc>,
}

/// A claim to be released in place of the stream that holds it, and why.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Claim, ClaimRelease};
/// let address = Claim::new("e-mail", "ann@example.org")?;
/// let release = ClaimRelease::of(address, "customer 7 was entered twice").held_by("customer-7".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRelease {
    /// The claim.
    pub claim: Claim,
    /// Why; kept for whoever asks later.
    pub reason: String,
    /// The stream that must hold it; any, unless told otherwise.
    pub holder: Option<StreamName>,
}

impl ClaimRelease {
    /// Asks for a claim, for a reason.
    pub fn of(claim: Claim, reason: impl Into<String>) -> Self {
        Self { claim, reason: reason.into(), holder: None }
    }

    /// Sets the stream that must hold it.
    #[must_use]
    pub fn held_by(self, holder: StreamName) -> Self {
        Self { holder: Some(holder), ..self }
    }
}

/// Why a claim was not released.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimReleaseError {
    /// No stream holds the claim; nothing was changed.
    #[error("claim {0} is held by no stream")]
    NotHeld(Claim),
    /// Another stream holds the claim than was said; nothing was changed.
    #[error("claim {claim} is held by stream {holder}")]
    HeldByAnother {
        /// The claim.
        claim: Claim,
        /// The stream that holds it.
        holder: StreamName,
    },
    /// The call is malformed, as where it gives no reason; nothing was changed. The text says why.
    #[error("release refused: {0}")]
    Malformed(String),
    /// The role of the connection may not release claims; nothing was changed.
    #[error("claim {0} may not be released by this role")]
    NotAllowed(Claim, #[source] StorageError),
    /// The connection broke before COMMIT was answered: the claim may be released. Look who holds it.
    #[error("claim {0} may or may not have been released")]
    OutcomeUnknown(Claim, #[source] StorageError),
    /// The database cannot be reached or used at the moment; nothing was changed. The same call may succeed later.
    #[error("log is unavailable, nothing was changed")]
    Unavailable(#[source] StorageError),
    /// The database failed in another way; nothing was changed.
    #[error("claim {0} could not be released, nothing was changed")]
    Storage(Claim, #[source] StorageError),
}
