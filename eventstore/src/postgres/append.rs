//! The append: one call, one statement, one round trip.
//!
//! Guarantees
//! - versions of a stream are 1, 2, 3, … without a gap;
//! - either all events of a call are stored or none;
//! - a receipt is given only after the end of the statement was read: outside of a caller's transaction that
//!   is after its commit.
//!
//! Leaves to others: asking again after a lost connection (`resolve`), waking subscribers (`wake`).

use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::append_event::{self, lone_event};
use super::fault::{Attempt, append_error, find_error, unprepared_append};
use super::json::JsonText;
use super::loan::Loan;
use super::send::Ready;
use super::session::Session;
use super::statements::Statements;
use crate::append::{Append, AppendError, Appended};
use crate::event::NewEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::payload::Payload;
use crate::position::GlobalPosition;
use crate::version::Version;

/// Appends in a transaction of its own.
pub(super) async fn append(
    session: &Session,
    client: &Loan,
    append: &Append,
) -> Result<Appended, AppendError> {
    if let Some(event) = lone_event(append) {
        let statement = append_event::statement_for(append, &session.statements);
        let ready = session.manner.ready(client, statement).await.map_err(unprepared_append)?;
        return append_event::send(&ready, append, event).await;
    }
    let ready = session.manner.ready(client, &session.statements.append).await.map_err(unprepared_append)?;
    send(&ready, append).await
}

/// Appends in a caller's transaction.
pub(super) async fn append_in(
    transaction: &Transaction<'_>,
    statements: &Statements,
    append: &Append,
) -> Result<Appended, AppendError> {
    if let Some(event) = lone_event(append) {
        let statement = append_event::statement_for(append, statements);
        return append_event::send(&Ready::Within(transaction, statement), append, event).await;
    }
    send(&Ready::Within(transaction, &statements.append), append).await
}

/// Finds the receipt of an append that was stored under a key.
pub(super) async fn find_append(
    session: &Session,
    client: &Loan,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Appended>, AppendError> {
    let ready =
        session.manner.ready(client, &session.statements.find_append).await.map_err(unprepared_append)?;
    find(&ready, key, fingerprint).await
}

/// As [`find_append`], in a caller's transaction.
pub(super) async fn find_append_in(
    transaction: &Transaction<'_>,
    statements: &Statements,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Appended>, AppendError> {
    find(&Ready::Within(transaction, &statements.find_append), key, fingerprint).await
}

async fn find(
    statement: &Ready<'_>,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Appended>, AppendError> {
    let fingerprint = fingerprint.as_ref().map(|fingerprint| fingerprint.as_bytes().as_slice());
    let rows = statement.query(&[&key.as_uuid(), &fingerprint]).await;
    rows.and_then(|rows| rows.first().map(|row| receipt(row, 0)).transpose())
        .map_err(|error| find_error(key, error))
}

/// Sends one append and waits for its end.
async fn send(statement: &Ready<'_>, append: &Append) -> Result<Appended, AppendError> {
    let metadata = EventColumns::metadata_of(&append.events)?;
    let events = EventColumns::of(&append.events, &metadata);
    let key = append.key.map(IdempotencyKey::as_uuid);
    let fingerprint = append.fingerprint.as_ref().map(|fingerprint| fingerprint.as_bytes().as_slice());

    // `query` reads to the end: a row can arrive and the commit behind it still fail.
    let rows = statement
        .query(&[
            &append.stream.as_str(),
            &append.expected.as_sql(),
            &events.ids,
            &events.types,
            &events.schema_versions,
            &events.data,
            &events.metadata,
            &key,
            &fingerprint,
        ])
        .await;
    match rows.and_then(|rows| rows.first().map(|row| receipt(row, 0)).transpose()) {
        Ok(Some(receipt)) => Ok(receipt),
        Ok(None) => Err(AppendError::Malformed("the append function gave no receipt".to_owned())),
        Err(error) => {
            let attempt = Attempt { stream: &append.stream, expected: append.expected, key: append.key };
            Err(append_error(&attempt, error))
        }
    }
}

/// Events as the arrays of a statement, one element an event.
pub(super) struct EventColumns<'a> {
    pub(super) ids: Vec<Uuid>,
    pub(super) types: Vec<&'a str>,
    pub(super) schema_versions: Vec<i32>,
    pub(super) data: Vec<JsonText<'a>>,
    pub(super) metadata: Vec<Option<JsonText<'a>>>,
}

impl<'a> EventColumns<'a> {
    /// Encodes the metadata of events; refuses the first that cannot be.
    pub(super) fn metadata_of(
        events: impl IntoIterator<Item = &'a NewEvent>,
    ) -> Result<Vec<Option<Payload>>, AppendError> {
        let encode = |(index, event): (usize, &NewEvent)| {
            event.metadata.encode().map_err(|source| AppendError::InvalidPayload { index, source })
        };
        events.into_iter().enumerate().map(encode).collect()
    }

    /// Takes events apart.
    pub(super) fn of(
        events: impl IntoIterator<Item = &'a NewEvent>,
        metadata: &'a [Option<Payload>],
    ) -> Self {
        let metadata =
            metadata.iter().map(|json| json.as_ref().map(|json| JsonText(json.as_str()))).collect();
        let (ids, types, schema_versions, data) = Default::default();
        let mut columns = Self { ids, types, schema_versions, data, metadata };
        for event in events {
            columns.ids.push(event.id.as_uuid());
            columns.types.push(event.event_type.as_str());
            columns.schema_versions.push(event.schema_version.get());
            columns.data.push(JsonText(event.data.as_str()));
        }
        columns
    }
}

/// Reads a receipt that begins at some column.
pub(super) fn receipt(row: &Row, first: usize) -> Result<Appended, tokio_postgres::Error> {
    let version = |column| row.try_get(first + column).map(|n: i64| Version::try_from(n).unwrap_or_default());
    Ok(Appended {
        from_version: version(0)?,
        to_version: version(1)?,
        from_position: GlobalPosition::recorded(row.try_get(first + 2)?),
        to_position: GlobalPosition::recorded(row.try_get(first + 3)?),
        already_applied: row.try_get(first + 4)?,
    })
}
