//! The append of one event without a key, which most appends are: the promises of `append`, in statements of its
//! own that cost the server a third less.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::{Attempt, append_error};
use super::json::JsonText;
use super::send::Ready;
use super::statements::{Statement, Statements};
use crate::append::{Append, AppendError, Appended};
use crate::event::NewEvent;
use crate::position::GlobalPosition;
use crate::version::{ExpectedVersion, Version};

/// Returns the event of an append that holds one, and no key.
pub(super) fn lone_event(append: &Append) -> Option<&NewEvent> {
    match append.events.as_slice() {
        [event] if append.key.is_none() => Some(event),
        _ => None,
    }
}

/// Returns the statement that appends one event.
pub(super) fn statement_for<'a>(append: &Append, statements: &'a Statements) -> &'a Statement {
    if begins_a_stream(append) { &statements.append_first_event } else { &statements.append_event }
}

fn begins_a_stream(append: &Append) -> bool {
    append.expected.as_sql() == ExpectedVersion::NoStream.as_sql()
}

/// Sends the append of one event and waits for its end.
pub(super) async fn send(
    statement: &Ready<'_>,
    append: &Append,
    event: &NewEvent,
) -> Result<Appended, AppendError> {
    let metadata =
        event.metadata.encode().map_err(|source| AppendError::InvalidPayload { index: 0, source })?;
    let metadata = metadata.as_ref().map(|json| JsonText(json.as_str()));
    let parameters: [&(dyn ToSql + Sync); 7] = [
        &append.stream.as_str(),
        &event.id.as_uuid(),
        &event.event_type.as_str(),
        &event.schema_version.get(),
        &JsonText(event.data.as_str()),
        &metadata,
        &append.expected.as_sql(),
    ];
    let parameters = if begins_a_stream(append) { &parameters[..6] } else { &parameters[..] };
    // It reads to the end: a row can arrive and the commit behind it still fail.
    let rows = statement.query(parameters).await;
    match rows.and_then(|rows| rows.first().map(receipt).transpose()) {
        Ok(Some(receipt)) => Ok(receipt),
        Ok(None) => Err(AppendError::Malformed("the append function gave no receipt".to_owned())),
        Err(error) => {
            let attempt = Attempt { stream: &append.stream, expected: append.expected, key: None };
            Err(append_error(&attempt, error))
        }
    }
}

/// Reads version, position, and whether the event was there before.
fn receipt(row: &Row) -> Result<Appended, tokio_postgres::Error> {
    let [version, position, already_applied]: [i64; 3] = row.try_get(0)?;
    let version = Version::try_from(version).unwrap_or_default();
    let position = GlobalPosition::recorded(position);
    Ok(Appended {
        from_version: version,
        to_version: version,
        from_position: position,
        to_position: position,
        already_applied: already_applied != 0,
    })
}
