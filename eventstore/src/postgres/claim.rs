//! Claims as an operator sees them: each call is one statement and one transaction.

use tokio_postgres::{Error, Row};

use super::fault::{answer, claim_holder_told, is_unavailable, read_error, unsent_read};
use super::session::Session;
use crate::claim::Claim;
use crate::claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
use crate::read::ReadError;
use crate::stream::StreamName;

/// Tells which stream holds a claim.
pub(super) async fn claim_holder(session: &Session, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
    Ok(find_claim(session, claim).await?.map(|held| held.holder))
}

/// Tells which stream holds a claim, and since when.
pub(super) async fn find_claim(session: &Session, claim: &Claim) -> Result<Option<HeldClaim>, ReadError> {
    let client = session.client().await.map_err(unsent_read)?;
    let find = &session.statements.find_claim;
    let rows = session.manner.query(&client, find, &[&claim.space(), &claim.value()]).await;
    let found = rows.and_then(|rows| rows.first().map(|row| held(claim, row)).transpose());
    found.map_err(read_error)
}

/// Releases a claim in place of its holder.
pub(super) async fn release_claim(
    session: &Session,
    release: &ClaimRelease,
) -> Result<HeldClaim, ClaimReleaseError> {
    let ClaimRelease { claim, reason, holder } = release;
    let client = session.client().await.map_err(|error| ClaimReleaseError::Unavailable(error.into()))?;
    let ready = session.manner.ready(&client, &session.statements.release_claim).await;
    let ready = ready.map_err(|error| ClaimReleaseError::Unavailable(error.into()))?;
    let holder = holder.as_ref().map(StreamName::as_str);
    let rows = ready.query(&[&claim.space(), &claim.value(), reason, &holder]).await;
    // The function returns one row.
    rows.and_then(|rows| held(claim, &rows[0])).map_err(|error| release_error(claim, error))
}

fn held(claim: &Claim, row: &Row) -> Result<HeldClaim, Error> {
    let (claim, holder) = (claim.clone(), StreamName::recorded(row.try_get(0)?));
    Ok(HeldClaim { claim, holder, since: row.try_get(1)? })
}

fn release_error(claim: &Claim, error: Error) -> ClaimReleaseError {
    let claim = claim.clone();
    let Some(said) = answer(&error) else {
        return ClaimReleaseError::OutcomeUnknown(claim, error.into());
    };
    match said.code().code() {
        "LG011" if let Some((claim, holder)) = claim_holder_told(said) => {
            ClaimReleaseError::HeldByAnother { claim, holder }
        }
        "LG015" => ClaimReleaseError::NotHeld(claim),
        "LG004" => ClaimReleaseError::Malformed(said.message().to_owned()),
        "42501" => ClaimReleaseError::NotAllowed(claim, error.into()),
        // It waited too long, or another transaction was in the way: the same release may succeed later.
        "40001" | "40P01" | "55P03" | "57014" => ClaimReleaseError::Unavailable(error.into()),
        _ if is_unavailable(said.code()) => ClaimReleaseError::Unavailable(error.into()),
        _ => ClaimReleaseError::Storage(claim, error.into()),
    }
}
