//! The append to several streams, and the key that is closed instead: one call, one statement, one round trip.
//!
//! Guarantees and leaves to others what `append` does.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

use super::append::{EventColumns, receipt};
use super::fault::{Attempt, append_error, cancel_error, find_error, unprepared_append, unsent_append};
use super::loan::Loan;
use super::send::Ready;
use super::session::Session;
use super::statements::{Statement, Statements};
use crate::append::AppendError;
use crate::append_many::{AppendMany, AppendedMany, Cancellation, StreamAppended};
use crate::claim::ClaimChange;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::stream::StreamName;

/// Appends in a transaction of its own.
pub(super) async fn append_many(
    session: &Session,
    client: &Loan,
    append: &AppendMany,
) -> Result<AppendedMany, AppendError> {
    let statement = statement(&session.statements, append);
    let ready = session.manner.ready(client, statement).await.map_err(unprepared_append)?;
    send(&ready, append).await
}

/// Appends in a caller's transaction.
pub(super) async fn append_many_in(
    transaction: &Transaction<'_>,
    statements: &Statements,
    append: &AppendMany,
) -> Result<AppendedMany, AppendError> {
    send(&Ready::Within(transaction, statement(statements, append)), append).await
}

/// Without claims an append does without what claims cost.
fn statement<'s>(statements: &'s Statements, append: &AppendMany) -> &'s Statement {
    if append.claims.is_empty() { &statements.append_many } else { &statements.append_many_claiming }
}

/// Finds the receipts of an append that was stored under a key.
pub(super) async fn find_append_many(
    session: &Session,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<AppendedMany>, AppendError> {
    let client = session.client().await.map_err(unsent_append)?;
    let fingerprint = fingerprint.as_ref().map(|fingerprint| fingerprint.as_bytes().as_slice());
    let find = &session.statements.find_append_many;
    let rows = session.manner.query(&client, find, &[&key.as_uuid(), &fingerprint]).await;
    let found = rows.and_then(|rows| receipts(&rows)).map_err(|error| find_error(key, error))?;
    Ok((!found.streams.is_empty()).then_some(found))
}

/// Closes a key, or returns what was stored under it. Asks twice at most: after a lost connection the second
/// question has the same answer.
pub(super) async fn cancel_key(session: &Session, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
    let close = || async {
        let client = session.client().await.map_err(unsent_append)?;
        let rows = session.manner.query(&client, &session.statements.close_key, &[&key.as_uuid()]).await;
        rows.and_then(|rows| receipts(&rows)).map_err(cancel_error)
    };
    let stored = match close().await {
        Err(AppendError::Unavailable(_)) => close().await?,
        known => known?,
    };
    Ok(if stored.streams.is_empty() { Cancellation::Cancelled } else { Cancellation::Applied(stored) })
}

/// Sends one append and waits for its end.
async fn send(statement: &Ready<'_>, append: &AppendMany) -> Result<AppendedMany, AppendError> {
    let names: Vec<&str> = append.streams.iter().map(|part| part.stream.as_str()).collect();
    let expected: Vec<i64> = append.streams.iter().map(|part| part.expected.as_sql()).collect();
    let counts: Vec<i32> = append.streams.iter().map(|part| count(part.events.len())).collect();
    let metadata = EventColumns::metadata_of(append.events())?;
    let events = EventColumns::of(append.events(), &metadata);
    let key = append.key.map(IdempotencyKey::as_uuid);
    let fingerprint = append.fingerprint.as_ref().map(|fingerprint| fingerprint.as_bytes().as_slice());

    let claims = append.claims_in_order();
    let claimants: Vec<&str> = claims.iter().map(|of| of.stream.as_str()).collect();
    let spaces: Vec<&str> = claims.iter().map(|of| of.change.claim().space()).collect();
    let values: Vec<&str> = claims.iter().map(|of| of.change.claim().value()).collect();
    let taken: Vec<bool> = claims.iter().map(|of| matches!(of.change, ClaimChange::Take(_))).collect();

    let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![
        &names,
        &expected,
        &counts,
        &events.ids,
        &events.types,
        &events.schema_versions,
        &events.data,
        &events.metadata,
        &key,
        &fingerprint,
    ];
    if !claims.is_empty() {
        parameters.extend([&claimants as &(dyn ToSql + Sync), &spaces, &values, &taken]);
    }
    let rows = statement.query(&parameters).await;
    rows.and_then(|rows| receipts(&rows)).map_err(|error| {
        let first = &append.streams[0];
        append_error(&Attempt { stream: &first.stream, expected: first.expected, key: append.key }, error)
    })
}

/// More events than this do not fit into a message; the database refuses the call.
fn count(events: usize) -> i32 {
    i32::try_from(events).unwrap_or(i32::MAX)
}

fn receipts(rows: &[Row]) -> Result<AppendedMany, tokio_postgres::Error> {
    let part = |row: &Row| {
        let stream = StreamName::recorded(row.try_get(0)?);
        Ok(StreamAppended { stream, appended: receipt(row, 1)? })
    };
    rows.iter().map(part).collect::<Result<_, _>>().map(AppendedMany::from_streams)
}
