//! Reading what stands in a stream behind a version: one statement, whatever the stream has come to.

use tokio_postgres::{Row, Transaction};

use super::fault::{read_error, unsent_read};
use super::row::EventReader;
use super::send::{Parameters, Ready};
use super::session::Session;
use crate::event::RecordedEvent;
use crate::payload_codec::PayloadCoding;
use crate::read::{ReadError, StreamTail};
use crate::stream::StreamName;
use crate::version::Version;

/// Where the columns of the event begin, behind those of the stream.
const EVENT: usize = 3;

/// Reads in a transaction of its own.
pub(super) async fn read_tail(
    session: &Session,
    stream: &StreamName,
    after: Version,
    limit: usize,
) -> Result<StreamTail, ReadError> {
    let client = session.client().await.map_err(unsent_read)?;
    let parameters: &Parameters<'_> = &[&stream.as_str(), &after.get(), &rows_max(limit)];
    let rows = session.manner.query(&client, &session.statements.read_tail, parameters).await;
    tail(stream, &rows.map_err(read_error)?, &session.coding)
}

/// Reads in a caller's transaction.
pub(super) async fn read_tail_in(
    transaction: &Transaction<'_>,
    session: &Session,
    stream: &StreamName,
    after: Version,
    limit: usize,
) -> Result<StreamTail, ReadError> {
    let read = Ready::Within(transaction, &session.statements.read_tail);
    let rows = read.query(&[&stream.as_str(), &after.get(), &rows_max(limit)]).await;
    tail(stream, &rows.map_err(read_error)?, &session.coding)
}

/// Takes rows apart, each of which begins with the stream and goes on with an event, or without.
pub(super) fn tail(
    stream: &StreamName,
    rows: &[Row],
    coding: &PayloadCoding,
) -> Result<StreamTail, ReadError> {
    let Some(head) = rows.first() else {
        return Err(ReadError::StreamNotFound(stream.clone()));
    };
    let version = |column: usize| -> Result<Version, ReadError> {
        Ok(Version::try_from(head.try_get::<_, i64>(column).map_err(read_error)?).unwrap_or_default())
    };
    let (version, first_version) = (version(0)?, version(1)?);
    if head.try_get(2).map_err(read_error)? {
        return Err(ReadError::StreamDeleted(stream.clone()));
    }
    if first_version > version {
        return Err(ReadError::StreamNotFound(stream.clone()));
    }
    Ok(StreamTail { events: events(rows, coding).map_err(read_error)?, first_version, version })
}

/// The events; the row without any carries the stream alone.
fn events(rows: &[Row], coding: &PayloadCoding) -> Result<Vec<RecordedEvent>, tokio_postgres::Error> {
    let (mut events, mut reader) = (Vec::with_capacity(rows.len()), EventReader::new(coding));
    for row in rows {
        if row.try_get::<_, Option<i64>>(EVENT)?.is_some() {
            events.push(reader.event(row, EVENT)?);
        }
    }
    Ok(events)
}

pub(super) fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
