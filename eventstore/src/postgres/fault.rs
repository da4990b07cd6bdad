//! What the database says, told as the errors of the ports.
//!
//! Guarantees: an append is called failed only when the server itself said so; a connection that broke
//! without an answer leaves the outcome unknown.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use serde::Deserialize;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};
use uuid::Uuid;

use crate::append::AppendError;
use crate::claim::Claim;
use crate::event_id::EventId;
use crate::idempotency::IdempotencyKey;
use crate::position::GlobalPosition;
use crate::read::ReadError;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

/// What was tried: the stream, of several the first one, and what was expected of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) stream: &'a StreamName,
    pub(super) expected: ExpectedVersion,
    pub(super) key: Option<IdempotencyKey>,
}

/// Returns what the server answered to a statement; nothing where its outcome is unknown all the same: the connection broke,
/// the server crashed with these words or under the statement and may have stored its commit, or a pooler speaks for a
/// server that it has lost.
pub(super) fn answer(error: &Error) -> Option<&DbError> {
    error.as_db_error().filter(|said| {
        let crashes = said.parsed_severity() == Some(Severity::Panic) || said.code().code() == "57P02";
        !crashes && !is_from_pooler(said)
    })
}

/// Tells a failed append.
pub(super) fn append_error(attempt: &Attempt<'_>, error: Error) -> AppendError {
    let stream = attempt.stream.clone();
    let Some(said) = answer(&error) else {
        return AppendError::OutcomeUnknown(stream, error.into());
    };
    match said.code().code() {
        _ if is_strange_statement(said) => AppendError::NeedsPoolerMode(error.into()),
        "LG001" => wrong_version(attempt, said),
        "LG002" => AppendError::StreamTombstoned(stream_of(said).unwrap_or(stream)),
        "LG003" if let Some(key) = attempt.key => AppendError::KeyReused { key },
        "LG010" if let Some(key) = attempt.key => AppendError::KeyCancelled { key },
        "LG011" if let Some((claim, holder)) = claim_holder_told(said) => {
            AppendError::Claimed { claim, holder }
        }
        "LG008" if let Some(detail) = detail::<DuplicateDetail>(said) => {
            AppendError::DuplicateEventId(detail.event_id.into())
        }
        // Two transactions brought the same id at the same moment, where ids are required to be unique.
        "23505" if let Some(id) = duplicate_in_index(said) => AppendError::DuplicateEventId(id.into()),
        "LG004" | "LG005" | "22P02" | "22P05" => AppendError::Malformed(said.message().to_owned()),
        "LG009" => AppendError::NeedsRepair(said.message().to_owned()),
        // A position was drawn a second time: the sequence lies behind the events.
        "23505" if said.constraint() == Some("events_pkey") => {
            AppendError::NeedsRepair(said.message().to_owned())
        }
        "40001" | "40P01" => AppendError::Serialization(stream, error.into()),
        // It waited too long, or was cancelled: the same append may succeed later.
        "55P03" | "57014" => AppendError::Unavailable(error.into()),
        _ if is_unavailable(said.code()) => AppendError::Unavailable(error.into()),
        _ => AppendError::Storage(stream, error.into()),
    }
}

/// Tells why an append in a caller's transaction failed. Without an answer its outcome is known as well: the
/// transaction cannot be committed any more.
pub(super) fn uncommitted(error: AppendError) -> AppendError {
    match error {
        AppendError::OutcomeUnknown(_, cause) => AppendError::Unavailable(cause),
        known => known,
    }
}

/// Tells why a stored append could not be looked for.
pub(super) fn find_error(key: IdempotencyKey, error: Error) -> AppendError {
    match error.code().map(SqlState::code) {
        Some("LG003") => AppendError::KeyReused { key },
        Some("LG010") => AppendError::KeyCancelled { key },
        _ => unprepared_append(error),
    }
}

/// Tells why a key may not be closed.
pub(super) fn cancel_error(error: Error) -> AppendError {
    unprepared_append(error)
}

/// Tells why no statement was sent.
pub(super) fn unsent_append(error: PoolError) -> AppendError {
    AppendError::Unavailable(error.into())
}

/// Tells why an append could not even be prepared.
pub(super) fn unprepared_append(error: Error) -> AppendError {
    match error.as_db_error() {
        Some(said) if is_strange_statement(said) => AppendError::NeedsPoolerMode(error.into()),
        _ => AppendError::Unavailable(error.into()),
    }
}

/// Tells a failed read.
pub(super) fn read_error(error: Error) -> ReadError {
    match error.as_db_error() {
        Some(said) if said.code().code() == "LG006" => ReadError::WrongIsolation(error.into()),
        Some(said) if said.code().code() == "LG014" => {
            diverged(said).unwrap_or_else(|| ReadError::Storage(error.into()))
        }
        Some(said) if is_strange_statement(said) => ReadError::NeedsPoolerMode(error.into()),
        Some(said) if !is_unavailable(said.code()) => ReadError::Storage(error.into()),
        _ => ReadError::Unavailable(error.into()),
    }
}

/// Tells why no read was sent.
pub(super) fn unsent_read(error: PoolError) -> ReadError {
    ReadError::Unavailable(error.into())
}

/// True where a statement of ours is not known, or stands for another one: the session of the server is not the one
/// that it was prepared in. (`discard all` on one of our connections would do the same.)
pub(super) fn is_strange_statement(said: &DbError) -> bool {
    match said.code().code() {
        "26000" | "42P05" => true,
        // The number of parameters is another's.
        "08P01" => said.parsed_severity() == Some(Severity::Error),
        _ => false,
    }
}

/// True for the last words of a pooler: its connection to the server broke, before or after the server had done what
/// was asked. A server ends a connection by other SQLSTATEs.
fn is_from_pooler(said: &DbError) -> bool {
    said.parsed_severity() == Some(Severity::Fatal) && said.code().code().starts_with("08")
}

/// True for SQLSTATEs that say: not now, and nothing was done.
pub(super) fn is_unavailable(code: &SqlState) -> bool {
    let code = code.code();
    // Connection, insufficient resources, operator intervention other than a cancelled statement; read-only
    // after a failover.
    code.starts_with("08")
        || code.starts_with("53")
        || (code.starts_with("57P") && code != "57P02")
        || code == "25006"
        // The transaction took too long, or did nothing for too long; the server ended it, and its session.
        || matches!(code, "25P03" | "25P04")
}

/// True where the same transaction may succeed later, unchanged: the connection broke, the server is not to
/// be had, or another transaction was in the way.
pub(super) fn is_transient(error: &Error) -> bool {
    match error.code() {
        Some(code) => is_unavailable(code) || matches!(code.code(), "40001" | "40P01" | "55P03" | "57P02"),
        None => {
            error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
    }
}

#[derive(Deserialize)]
struct StreamDetail {
    stream: String,
    expected: Option<i64>,
    actual: Option<i64>,
}

#[derive(Deserialize)]
struct ClaimDetail {
    space: String,
    value: String,
    holder: String,
}

#[derive(Deserialize)]
struct CursorDetail {
    position: i64,
    seen: Uuid,
    found: Option<Uuid>,
}

#[derive(Deserialize)]
struct DuplicateDetail {
    event_id: Uuid,
}

fn detail<'a, T: Deserialize<'a>>(said: &'a DbError) -> Option<T> {
    serde_json::from_str(said.detail()?).ok()
}

fn stream_of(said: &DbError) -> Option<StreamName> {
    detail::<StreamDetail>(said).map(|detail| StreamName::recorded(&detail.stream))
}

/// What an LG011 tells: which claim, and which stream holds it.
pub(super) fn claim_holder_told(said: &DbError) -> Option<(Claim, StreamName)> {
    let ClaimDetail { space, value, holder } = detail(said)?;
    Some((Claim::recorded(space, value), StreamName::recorded(&holder)))
}

/// What an LG001 tells: which version was expected, and which there is.
pub(super) fn refused_version(said: &DbError) -> Option<(ExpectedVersion, Version)> {
    let StreamDetail { expected, actual, .. } = detail(said)?;
    Some((ExpectedVersion::from_sql(expected?)?, Version::try_from(actual?).ok()?))
}

fn diverged(said: &DbError) -> Option<ReadError> {
    let CursorDetail { position, seen, found } = detail(said)?;
    let position = GlobalPosition::recorded(position);
    Some(ReadError::Diverged { position, seen: seen.into(), found: found.map(EventId::from) })
}

/// The id in a detail such as `Key (event_id)=(…) already exists.`
fn duplicate_in_index(said: &DbError) -> Option<Uuid> {
    let told = said.detail().filter(|_| said.constraint() == Some("events_event_id_key"))?;
    told.split(['(', ')']).find_map(|word| Uuid::try_parse(word).ok())
}

fn wrong_version(attempt: &Attempt<'_>, said: &DbError) -> AppendError {
    let detail = detail::<StreamDetail>(said);
    let stream = detail.as_ref().map_or_else(|| attempt.stream.clone(), |d| StreamName::recorded(&d.stream));
    let told = detail.as_ref().and_then(|detail| detail.expected);
    let expected = match told.and_then(ExpectedVersion::from_sql) {
        // `NoStream` and version 0 are one in SQL: repeat what was asked.
        Some(expected) if stream != *attempt.stream => expected,
        _ => attempt.expected,
    };
    if expected == ExpectedVersion::StreamExists {
        return AppendError::StreamNotFound(stream);
    }
    let actual = detail.and_then(|detail| Version::try_from(detail.actual?).ok()).unwrap_or_default();
    AppendError::WrongVersion { stream, expected, actual }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_the_server_ended_because_of_its_time_has_done_nothing_and_may_be_tried_again() {
        let is_unavailable = |code| is_unavailable(&SqlState::from_code(code));
        for code in ["25P03", "25P04", "57P01", "08006"] {
            assert!(is_unavailable(code), "{code}");
        }
        for code in ["57P02", "57014", "25P02", "LG001"] {
            assert!(!is_unavailable(code), "{code}");
        }
    }
}
