//! Reads: pages of a stream and of the log, and what is known about streams.

use std::ops::Bound;

use crate::event::RecordedEvent;
use crate::memory::log::{Log, Stream};
use crate::position::GlobalPosition;
use crate::read::{
    Direction, LogPage, LogQuery, NameRanges, ReadError, StreamInfo, StreamListQuery, StreamQuery,
};
use crate::stream::StreamName;

pub(super) fn read_stream(
    log: &Log,
    stream: &StreamName,
    query: StreamQuery,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let stored = shown(log, stream)?;
    let event = |position: &GlobalPosition| log.event(*position).clone();
    Ok(match query.direction {
        Direction::Forward => {
            let wanted = stored.range(query.from.max(stored.first_version), stored.version);
            wanted.iter().take(query.limit).map(event).collect()
        }
        Direction::Backward => {
            let wanted = stored.range(stored.first_version, query.from);
            wanted.iter().rev().take(query.limit).map(event).collect()
        }
    })
}

/// The stream, if reads show it.
fn shown<'l>(log: &'l Log, stream: &StreamName) -> Result<&'l Stream, ReadError> {
    match log.streams.get(stream) {
        Some(stored) if stored.exists() => Ok(stored),
        Some(stored) if stored.is_tombstoned => Err(ReadError::StreamDeleted(stream.clone())),
        _ => Err(ReadError::StreamNotFound(stream.clone())),
    }
}

pub(super) fn read_log(log: &Log, query: &LogQuery) -> Result<LogPage, ReadError> {
    let head = log.head();
    // A filtered reader names no event that it must have seen, as in PostgreSQL.
    if let (Some(seen), Direction::Forward, true) = (query.seen, query.direction, query.filter.is_all()) {
        let found = log.last_up_to(query.from);
        if found != Some(seen) {
            return Err(ReadError::Diverged { position: query.from, seen, found });
        }
    }
    Ok(match query.direction {
        Direction::Forward => {
            let first = log.events.partition_point(|event| event.position <= query.from);
            let wanted = log.events[first..].iter().filter(|event| query.filter.wants(event));
            let events: Vec<_> = wanted.take(query.limit).cloned().collect();
            let settled_to = settled_to(log, &events, query);
            LogPage { events, settled_to, head, held_back: None }
        }
        Direction::Backward => {
            let end = log.events.partition_point(|event| event.position < query.from);
            let wanted = log.events[..end].iter().rev().filter(|event| query.filter.wants(event));
            let events = wanted.take(query.limit).cloned().collect();
            LogPage { events, settled_to: head, head, held_back: None }
        }
    })
}

/// Up to where a page has seen everything: a full one to its last event, any other one to the head.
fn settled_to(log: &Log, page: &[RecordedEvent], query: &LogQuery) -> GlobalPosition {
    match page.last() {
        Some(last) if page.len() >= query.limit => last.position,
        None if query.limit == 0 => query.from,
        _ => log.head().max(query.from),
    }
}

pub(super) fn stream_info(log: &Log, stream: &StreamName) -> Result<StreamInfo, ReadError> {
    Ok(info(stream, shown(log, stream)?))
}

pub(super) fn list_streams(log: &Log, query: &StreamListQuery) -> Vec<StreamInfo> {
    let NameRanges { name, prefix } = query.ranges();
    let first = name.iter().filter_map(|name| log.streams.get_key_value(name));
    let others = prefix.iter().flat_map(|prefix| beginning_with(log, prefix, query.after.as_ref()));
    let first = first.filter(|(_, stored)| stored.exists());
    first.chain(others).take(query.limit).map(|(name, stored)| info(name, stored)).collect()
}

fn beginning_with<'l>(
    log: &'l Log,
    prefix: &'l str,
    after: Option<&StreamName>,
) -> impl Iterator<Item = (&'l StreamName, &'l Stream)> {
    // Not every prefix is a stream name, but every prefix stands in byte order with them.
    let least = StreamName::recorded(prefix);
    let begin = match after {
        Some(after) if *after >= least => Bound::Excluded(after),
        _ => Bound::Included(&least),
    };
    let names = log.streams.range((begin, Bound::Unbounded));
    let named = names.take_while(move |(name, _)| name.as_str().starts_with(prefix));
    named.filter(|(_, stored)| stored.exists())
}

fn info(name: &StreamName, stored: &Stream) -> StreamInfo {
    StreamInfo { name: name.clone(), version: stored.version, first_version: stored.first_version }
}
