//! Claims: which stream holds which, taken and released with events or by an operator.

use std::collections::HashMap;

use chrono::Utc;

use crate::append::AppendError;
use crate::append_many::StreamClaim;
use crate::claim::{Claim, ClaimChange};
use crate::claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
use crate::memory::log::{Holding, Log};
use crate::stream::StreamName;

/// Refuses changes of which one takes a claim of another stream.
pub(super) fn check(log: &Log, changes: &[&StreamClaim]) -> Result<(), AppendError> {
    let mut holders: HashMap<&Claim, Option<&StreamName>> = HashMap::new();
    for StreamClaim { stream, change } in changes {
        let claim = change.claim();
        let holder = holders.entry(claim).or_insert_with(|| log.claims.get(claim).map(|held| &held.holder));
        match (change, *holder) {
            (ClaimChange::Take(_), Some(other)) if other != stream => {
                return Err(AppendError::Claimed { claim: claim.clone(), holder: other.clone() });
            }
            (ClaimChange::Take(_), _) => *holder = Some(stream),
            (ClaimChange::Release(_), Some(own)) if own == stream => *holder = None,
            (ClaimChange::Release(_), _) => {}
        }
    }
    Ok(())
}

/// Carries out changes that were checked.
pub(super) fn keep(log: &mut Log, changes: &[StreamClaim]) {
    for StreamClaim { stream, change } in changes {
        match change {
            ClaimChange::Take(claim) => take(log, claim, stream),
            ClaimChange::Release(claim) => let_go(log, claim, stream),
        }
    }
}

/// Takes a claim that is free or the stream's own.
pub(super) fn take(log: &mut Log, claim: &Claim, stream: &StreamName) {
    let holding = || Holding { holder: stream.clone(), since: Utc::now() };
    log.claims.entry(claim.clone()).or_insert_with(holding);
}

/// Releases a claim, where it is the stream's own.
pub(super) fn let_go(log: &mut Log, claim: &Claim, stream: &StreamName) {
    if log.claims.get(claim).is_some_and(|held| held.holder == *stream) {
        log.claims.remove(claim);
    }
}

/// Releases all claims of a stream.
pub(super) fn let_go_of_all(log: &mut Log, stream: &StreamName) {
    log.claims.retain(|_, held| held.holder != *stream);
}

pub(super) fn find(log: &Log, claim: &Claim) -> Option<HeldClaim> {
    let Holding { holder, since } = log.claims.get(claim)?.clone();
    Some(HeldClaim { claim: claim.clone(), holder, since })
}

/// Releases a claim in place of its holder.
pub(super) fn release(log: &mut Log, release: ClaimRelease) -> Result<HeldClaim, ClaimReleaseError> {
    let ClaimRelease { claim, reason, holder } = release;
    if reason.is_empty() {
        return Err(ClaimReleaseError::Malformed("a claim is released for a reason".to_owned()));
    }
    let Some(held) = find(log, &claim) else { return Err(ClaimReleaseError::NotHeld(claim)) };
    if holder.is_some_and(|holder| holder != held.holder) {
        return Err(ClaimReleaseError::HeldByAnother { claim, holder: held.holder });
    }
    log.claims.remove(&claim);
    Ok(held)
}
