//! The port of operators for claims: who holds one, and releasing it.

use std::future::Future;

use crate::claim::Claim;
use crate::claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
use crate::read::ReadError;

/// What an operator may do with claims; apart from [`EventStore`](crate::EventStore), where claims are taken and
/// released with the events of the stream that holds them.
///
/// A release here has no event: the aggregate goes on as if it held the claim. It is for claims whose holder cannot
/// release them any more, or never should have taken them.
pub trait ClaimRegistry: Clone + Send + Sync + 'static {
    /// Tells which stream holds a claim, and since when; nothing where none does.
    ///
    /// # Errors
    ///
    /// [`ReadError`], except that there is no stream to be missed.
    fn find_claim(&self, claim: &Claim) -> impl Future<Output = Result<Option<HeldClaim>, ReadError>> + Send;

    /// Releases a claim in place of the stream that holds it, and returns what was held.
    ///
    /// # Errors
    ///
    /// [`ClaimReleaseError`]; each variant says whether anything was changed.
    fn release_claim(
        &self,
        release: ClaimRelease,
    ) -> impl Future<Output = Result<HeldClaim, ClaimReleaseError>> + Send;
}
