//! Reads: pages of a stream and of the log, and what is known about streams.

use std::ops::Bound;

use crate::event::RecordedEvent;
use crate::memory::log::{Log, version_of};
use crate::position::GlobalPosition;
use crate::read::{Direction, LogPage, LogQuery, ReadError, StreamInfo, StreamListQuery, StreamQuery};
use crate::stream::StreamName;
use crate::version::Version;

pub(super) fn read_stream(
    log: &Log,
    stream: &StreamName,
    query: StreamQuery,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let stored = log.streams.get(stream).ok_or_else(|| ReadError::StreamNotFound(stream.clone()))?;
    let from = usize::try_from(query.from.get()).unwrap_or(usize::MAX);
    let event = |&index: &usize| log.events[index].clone();
    Ok(match query.direction {
        Direction::Forward => {
            stored.iter().skip(from.saturating_sub(1)).take(query.limit).map(event).collect()
        }
        Direction::Backward => {
            let wanted = &stored[..from.min(stored.len())];
            wanted.iter().rev().take(query.limit).map(event).collect()
        }
    })
}

pub(super) fn read_log(log: &Log, query: LogQuery) -> LogPage {
    let head = log.head();
    match query.direction {
        Direction::Forward => {
            let first = log.events.partition_point(|event| event.position <= query.from);
            let events: Vec<_> = log.events[first..].iter().take(query.limit).cloned().collect();
            let settled_to = settled_to(log, &events, first, query.from);
            LogPage { events, settled_to, head, held_back: false }
        }
        Direction::Backward => {
            let end = log.events.partition_point(|event| event.position < query.from);
            let events = log.events[..end].iter().rev().take(query.limit).cloned().collect();
            LogPage { events, settled_to: head, head, held_back: false }
        }
    }
}

/// Up to where a page that begins at index `first` has seen everything.
fn settled_to(log: &Log, page: &[RecordedEvent], first: usize, from: GlobalPosition) -> GlobalPosition {
    if first + page.len() == log.events.len() {
        log.head().max(from)
    } else {
        page.last().map_or(from, |event| event.position)
    }
}

pub(super) fn stream_info(log: &Log, stream: &StreamName) -> Result<StreamInfo, ReadError> {
    match log.streams.get(stream) {
        Some(stored) => Ok(info(stream, stored)),
        None => Err(ReadError::StreamNotFound(stream.clone())),
    }
}

pub(super) fn list_streams(log: &Log, query: &StreamListQuery) -> Vec<StreamInfo> {
    // Not every prefix is a stream name, but every prefix stands in byte order with them.
    let prefix = StreamName::recorded(&query.prefix);
    let begin = match &query.after {
        Some(after) if *after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(&prefix),
    };
    log.streams
        .range((begin, Bound::Unbounded))
        .take_while(|(name, _)| name.as_str().starts_with(&query.prefix))
        .take(query.limit)
        .map(|(name, stored)| info(name, stored))
        .collect()
}

fn info(name: &StreamName, stored: &[usize]) -> StreamInfo {
    StreamInfo { name: name.clone(), version: version_of(stored), first_version: Version::FIRST }
}
