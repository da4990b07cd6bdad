//! The append of several decisions: one call, one statement, one round trip.
//!
//! Guarantees and leaves to others what `append` does.

use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::append::{EventColumns, receipt};
use super::fault::{Attempt, append_error, unprepared_append};
use super::loan::Loan;
use super::send::Ready;
use super::session::Session;
use super::statements::Statements;
use crate::append::AppendError;
use crate::decisions::{AppendDecisions, AppendedDecisions, KeyUsed};
use crate::idempotency::IdempotencyKey;
use crate::version::ExpectedVersion;

/// Appends in a transaction of its own.
pub(super) async fn append_decisions(
    session: &Session,
    client: &Loan,
    append: &AppendDecisions,
) -> Result<AppendedDecisions, AppendError> {
    let statement = &session.statements.append_decisions;
    let ready = session.manner.ready(client, statement).await.map_err(unprepared_append)?;
    send(&ready, append).await
}

/// Appends in a caller's transaction.
pub(super) async fn append_decisions_in(
    transaction: &Transaction<'_>,
    statements: &Statements,
    append: &AppendDecisions,
) -> Result<AppendedDecisions, AppendError> {
    send(&Ready::Within(transaction, &statements.append_decisions), append).await
}

async fn send(statement: &Ready<'_>, append: &AppendDecisions) -> Result<AppendedDecisions, AppendError> {
    let metadata = EventColumns::metadata_of(append.events())?;
    let events = EventColumns::of(append.events(), &metadata);
    let decisions = &append.decisions;
    let counts: Vec<i32> =
        decisions.iter().map(|part| i32::try_from(part.events.len()).unwrap_or(i32::MAX)).collect();
    let keys: Vec<Option<Uuid>> =
        decisions.iter().map(|part| part.key.map(IdempotencyKey::as_uuid)).collect();
    let fingerprints: Vec<Option<&[u8]>> = decisions
        .iter()
        .map(|part| part.fingerprint.as_ref().map(|print| print.as_bytes().as_slice()))
        .collect();
    let claims = append.claims();
    let spaces: Vec<&str> = claims.keys().map(|claim| claim.space()).collect();
    let values: Vec<&str> = claims.keys().map(|claim| claim.value()).collect();
    let taken: Vec<bool> = claims.values().map(|effect| effect.taken).collect();
    let held: Vec<bool> = claims.values().map(|effect| effect.held).collect();

    let rows = statement
        .query(&[
            &append.stream.as_str(),
            &append.expected.get(),
            &events.ids,
            &events.types,
            &events.schema_versions,
            &events.data,
            &events.metadata,
            &counts,
            &keys,
            &fingerprints,
            &spaces,
            &values,
            &taken,
            &held,
        ])
        .await;
    rows.and_then(|rows| outcome(&rows)).map_err(|error| {
        let expected = ExpectedVersion::from(append.expected);
        append_error(&Attempt { stream: &append.stream, expected, key: None }, error)
    })
}

fn outcome(rows: &[Row]) -> Result<AppendedDecisions, tokio_postgres::Error> {
    let (mut stored, mut used) = (Vec::new(), Vec::new());
    for row in rows {
        let decision = usize::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default().saturating_sub(1);
        match row.try_get(1)? {
            "stored" => stored.push(receipt(row, 2)?),
            "applied" => used.push((decision, KeyUsed::Applied(receipt(row, 2)?))),
            "cancelled" => used.push((decision, KeyUsed::Cancelled)),
            _ => used.push((decision, KeyUsed::Reused)),
        }
    }
    let is_stored = used.is_empty();
    Ok(if is_stored { AppendedDecisions::Stored(stored) } else { AppendedDecisions::UsedBefore(used) })
}
