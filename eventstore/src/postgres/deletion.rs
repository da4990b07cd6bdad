//! Deleting and scrubbing: each call is one statement and one transaction.

use tokio_postgres::error::DbError;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::fault::{answer, is_unavailable, refused_version};
use super::send::Parameters;
use super::session::Session;
use super::statements::Statement;
use crate::deletion::{Deleted, Deletion, DeletionError, Scrub, ScrubError, Scrubbed};
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

/// Deletes a stream.
pub(super) async fn delete_stream(session: &Session, deletion: &Deletion) -> Result<Deleted, DeletionError> {
    let Deletion { stream, expected, reason } = deletion;
    let sql = &session.statements.delete_stream;
    send(session, deletion, sql, &[&stream.as_str(), &expected.as_sql(), reason]).await
}

/// Ends a stream for ever.
pub(super) async fn tombstone_stream(
    session: &Session,
    deletion: &Deletion,
) -> Result<Deleted, DeletionError> {
    let Deletion { stream, expected, reason } = deletion;
    let sql = &session.statements.tombstone_stream;
    send(session, deletion, sql, &[&stream.as_str(), &expected.as_sql(), reason]).await
}

/// Lets reads of a stream begin at a version.
pub(super) async fn truncate_stream(
    session: &Session,
    deletion: &Deletion,
    before: Version,
) -> Result<Deleted, DeletionError> {
    let Deletion { stream, expected, reason } = deletion;
    let sql = &session.statements.truncate_stream;
    send(session, deletion, sql, &[&stream.as_str(), &before.get(), &expected.as_sql(), reason]).await
}

/// Removes one batch of what a stream no longer shows.
pub(super) async fn scrub_batch(session: &Session, scrub: &Scrub) -> Result<Scrubbed, ScrubError> {
    let client = session.patient_client().await.map_err(|error| ScrubError::Unavailable(error.into()))?;
    let max = i32::try_from(scrub.batch_events).unwrap_or(i32::MAX);
    let parameters: [&(dyn ToSql + Sync); 3] = [&scrub.stream.as_str(), &scrub.reason, &max];
    let rows = session.manner.query(&client, &session.statements.scrub_stream, &parameters).await;
    let told = rows.and_then(|rows| scrubbed(&rows[0]));
    told.map_err(|error| scrub_error(&scrub.stream, error))
}

async fn send(
    session: &Session,
    deletion: &Deletion,
    statement: &Statement,
    parameters: &Parameters<'_>,
) -> Result<Deleted, DeletionError> {
    let client = session.client().await.map_err(|error| DeletionError::Unavailable(error.into()))?;
    let ready = session.manner.ready(&client, statement).await;
    let ready = ready.map_err(|error| DeletionError::Unavailable(error.into()))?;
    // Each function returns one row.
    let told = ready.query(parameters).await.and_then(|rows| deleted(&rows[0]));
    told.map_err(|error| deletion_error(deletion, error))
}

fn deleted(row: &Row) -> Result<Deleted, Error> {
    let version = |column| row.try_get(column).map(|n: i64| Version::try_from(n).unwrap_or_default());
    Ok(Deleted { version: version(0)?, first_version: version(1)?, already_applied: row.try_get(2)? })
}

fn scrubbed(row: &Row) -> Result<Scrubbed, Error> {
    let count = |column| row.try_get(column).map(|n: i64| u64::try_from(n).unwrap_or_default());
    Ok(Scrubbed { events_removed: count(0)?, keys_removed: count(1)?, is_done: row.try_get(2)? })
}

fn deletion_error(deletion: &Deletion, error: Error) -> DeletionError {
    let (stream, expected) = (deletion.stream.clone(), deletion.expected);
    let Some(said) = answer(&error) else {
        return DeletionError::OutcomeUnknown(stream, error.into());
    };
    match said.code().code() {
        "LG001" => match refused_version(said) {
            // That the stream exists is asked of a truncation, whatever its caller expected.
            None | Some((ExpectedVersion::StreamExists, _)) => DeletionError::StreamNotFound(stream),
            Some((_, actual)) => DeletionError::WrongVersion { stream, expected, actual },
        },
        "LG002" => DeletionError::StreamTombstoned(stream),
        "LG004" | "LG005" => DeletionError::Malformed(said.message().to_owned()),
        "42501" => DeletionError::NotAllowed(stream, error.into()),
        "40001" | "40P01" => DeletionError::Serialization(stream, error.into()),
        // It waited too long, or was cancelled: the same deletion may succeed later.
        "55P03" | "57014" => DeletionError::Unavailable(error.into()),
        _ if is_unavailable(said.code()) => DeletionError::Unavailable(error.into()),
        _ => DeletionError::Storage(stream, error.into()),
    }
}

fn scrub_error(stream: &StreamName, error: Error) -> ScrubError {
    let stream = stream.clone();
    match error.as_db_error().map(DbError::code) {
        Some(code) => match code.code() {
            "LG001" => ScrubError::StreamNotFound(stream),
            "LG004" | "LG005" => ScrubError::Malformed(error.to_string()),
            "LG012" => ScrubError::NotDeleted(stream),
            "LG013" => ScrubError::NoScrubber,
            "42501" => ScrubError::NotAllowed(stream, error.into()),
            "40001" | "40P01" | "57P02" => ScrubError::Unavailable(error.into()),
            _ if is_unavailable(code) => ScrubError::Unavailable(error.into()),
            _ => ScrubError::Storage(stream, error.into()),
        },
        None => ScrubError::Unavailable(error.into()),
    }
}
