//! Reading streams, the log, and the list of streams.

use std::collections::HashSet;

use tokio_postgres::Row;

use super::fault::{read_error, unsent_read};
use super::row::{EventReader, events};
use super::send::Parameters;
use super::session::Session;
use super::statements::Statement;
use crate::event::{EventType, RecordedEvent};
use crate::event_id::EventId;
use crate::filter::EventFilter;
use crate::metadata::{CausationId, CorrelationId};
use crate::payload_codec::PayloadCoding;
use crate::position::GlobalPosition;
use crate::read::{
    Direction, HeldBack, LogPage, LogQuery, NameRanges, ReadError, StreamInfo, StreamListQuery, StreamQuery,
};
use crate::stream::{Category, StreamName};
use crate::telemetry::{FENCE_LOOKS, Look};
use crate::version::Version;

/// Runs one statement on a pooled connection.
async fn query(
    session: &Session,
    statement: &Statement,
    parameters: &Parameters<'_>,
) -> Result<Vec<Row>, ReadError> {
    let client = session.client().await.map_err(unsent_read)?;
    session.manner.query(&client, statement, parameters).await.map_err(read_error)
}

/// Reads one page of a stream.
pub(super) async fn read_stream(
    session: &Session,
    stream: &StreamName,
    page: StreamQuery,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let sql = match page.direction {
        Direction::Forward => &session.statements.read_stream_forward,
        Direction::Backward => &session.statements.read_stream_backward,
    };
    let rows = query(session, sql, &[&stream.as_str(), &page.from.get(), &rows_max(page.limit)]).await?;
    if rows.is_empty() {
        // Past the end, or no stream at all? Only the empty answer costs the second question.
        stream_info(session, stream).await?;
    }
    events(&rows, &session.coding).map_err(read_error)
}

/// Tells what is known about a stream.
pub(super) async fn stream_info(session: &Session, stream: &StreamName) -> Result<StreamInfo, ReadError> {
    let rows = query(session, &session.statements.stream_info, &[&stream.as_str()]).await?;
    let Some(row) = rows.first() else {
        return Err(ReadError::StreamNotFound(stream.clone()));
    };
    if row.try_get("tombstoned").map_err(read_error)? {
        return Err(ReadError::StreamDeleted(stream.clone()));
    }
    let info = info(stream.clone(), row)?;
    if info.first_version > info.version {
        return Err(ReadError::StreamNotFound(stream.clone()));
    }
    Ok(info)
}

/// Lists one page of streams.
pub(super) async fn list_streams(
    session: &Session,
    page: &StreamListQuery,
) -> Result<Vec<StreamInfo>, ReadError> {
    let NameRanges { name, prefix } = page.ranges();
    let mut listed = Vec::new();
    if let Some(name) = name.filter(|_| page.limit > 0) {
        // The first one from its name on is the name itself, or it is not there.
        let first = beginning_with(session, name.as_str(), "", 1).await?;
        listed.extend(first.into_iter().filter(|info| info.name == name));
    }
    if let Some(prefix) = prefix {
        let after = page.after.as_ref().map_or("", StreamName::as_str);
        listed.extend(beginning_with(session, &prefix, after, page.limit - listed.len()).await?);
    }
    Ok(listed)
}

/// Lists streams whose names begin so.
async fn beginning_with(
    session: &Session,
    prefix: &str,
    after: &str,
    limit: usize,
) -> Result<Vec<StreamInfo>, ReadError> {
    let rows = query(session, &session.statements.list_streams, &[&prefix, &after, &rows_max(limit)]).await?;
    rows.iter()
        .map(|row| {
            let name: &str = row.try_get("stream_name").map_err(read_error)?;
            info(StreamName::recorded(name), row)
        })
        .take_while(|info| info.as_ref().map_or(true, |info| info.name.as_str().starts_with(prefix)))
        .collect()
}

/// Reads one page of the log.
pub(super) async fn read_log(session: &Session, page: LogQuery) -> Result<LogPage, ReadError> {
    match page.direction {
        _ if !page.filter.is_all() => read_filtered(session, page).await,
        Direction::Forward => read_forward(session, page).await,
        Direction::Backward => read_backward(session, page).await,
    }
}

async fn read_forward(session: &Session, page: LogQuery) -> Result<LogPage, ReadError> {
    let limit = i32::try_from(page.limit).unwrap_or(i32::MAX);
    let seen = page.seen.map(EventId::as_uuid);
    let parameters: &Parameters<'_> = &[&i64::from(page.from), &limit, &seen];
    let rows = query(session, &session.statements.read_log_forward, parameters).await?;
    marked_page(&rows, &page, &session.coding)
}

async fn read_filtered(session: &Session, page: LogQuery) -> Result<LogPage, ReadError> {
    let limit = i32::try_from(page.limit).unwrap_or(i32::MAX);
    let EventFilter { recorded_since, recorded_before, .. } = &page.filter;
    let streams = texts(&page.filter.streams, StreamName::as_str);
    let categories = texts(&page.filter.categories, Category::as_str);
    let types = texts(&page.filter.event_types, EventType::as_str);
    let ids = page.filter.ids.as_ref().map(|ids| ids.iter().map(|id| id.as_uuid()).collect::<Vec<_>>());
    let correlation = page.filter.correlation.as_ref().map(CorrelationId::as_str);
    let causation = page.filter.causation.as_ref().map(CausationId::as_str);
    let parameters: &Parameters<'_> = &[
        &i64::from(page.from),
        &limit,
        &(page.direction == Direction::Backward),
        &streams,
        &categories,
        &types,
        &ids,
        &correlation,
        &causation,
        recorded_since,
        recorded_before,
    ];
    let client = session.patient_client().await.map_err(unsent_read)?;
    let rows = session.manner.query(&client, &session.statements.read_log_filtered, parameters).await;
    let rows = rows.map_err(read_error)?;
    let marked = marked_page(&rows, &page, &session.coding)?;
    match page.direction {
        Direction::Forward => Ok(marked),
        Direction::Backward => Ok(LogPage { settled_to: marked.head, held_back: None, ..marked }),
    }
}

/// What a condition of a filter asks for, as texts.
fn texts<'f, T>(wanted: &'f Option<HashSet<T>>, text: impl Fn(&'f T) -> &'f str) -> Option<Vec<&'f str>> {
    wanted.as_ref().map(|wanted| wanted.iter().map(text).collect())
}

/// Tells rows that each carry the marks as a page, where they were read forward.
fn marked_page(rows: &[Row], page: &LogQuery, coding: &PayloadCoding) -> Result<LogPage, ReadError> {
    let mark = |column| -> Result<Option<i64>, ReadError> {
        rows.first().map_or(Ok(None), |row| row.try_get(column)).map_err(read_error)
    };
    let head = GlobalPosition::recorded(mark(0)?.unwrap_or_default());
    let held_back = mark(1)?.map(HeldBack::at_mark);
    FENCE_LOOKS.count(if held_back.is_some() { Look::HeldBack } else { Look::Settled });
    // The one row without an event carries the marks alone.
    let with_event = |row: &&Row| row.try_get::<_, Option<i64>>(2).is_ok_and(|position| position.is_some());
    let mut reader = EventReader::new(coding);
    let events: Vec<_> = rows
        .iter()
        .filter(with_event)
        .map(|row| reader.event(row, 2))
        .collect::<Result<_, _>>()
        .map_err(read_error)?;
    // A full page was scanned to its last event and no further; any other one to the head.
    let scanned_to = match events.last() {
        Some(last) if events.len() >= page.limit => last.position,
        None if page.limit == 0 => page.from,
        _ => head,
    };
    Ok(LogPage { events, settled_to: scanned_to.max(page.from), head, held_back })
}

async fn read_backward(session: &Session, page: LogQuery) -> Result<LogPage, ReadError> {
    let rows = query(session, &session.statements.head, &[]).await?;
    let head: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(read_error)?;
    // The rows come from a later snapshot than the head, as the fence demands.
    let parameters: &Parameters<'_> = &[&i64::from(page.from), &head, &rows_max(page.limit)];
    let rows = query(session, &session.statements.read_log_backward, parameters).await?;
    let head = GlobalPosition::recorded(head);
    let events = events(&rows, &session.coding).map_err(read_error)?;
    Ok(LogPage { events, settled_to: head, head, held_back: None })
}

fn info(name: StreamName, row: &Row) -> Result<StreamInfo, ReadError> {
    let version = |column: &str| {
        row.try_get(column).map(|n: i64| Version::try_from(n).unwrap_or_default()).map_err(read_error)
    };
    Ok(StreamInfo { name, version: version("version")?, first_version: version("first_version")? })
}

fn rows_max(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
