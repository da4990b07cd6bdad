//! The append: checks everything first, then stores everything.
//!
//! The order of the checks is the one of the PostgreSQL adapter: the events themselves, the key, the
//! versions in the byte order of the streams' names, the ids.

use std::collections::HashSet;

use chrono::Utc;

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, StreamAppend, StreamAppended};
use crate::content_hash::{content_of, content_of_many};
use crate::event::{NewEvent, RecordedEvent};
use crate::idempotency::Fingerprint;
use crate::memory::claims;
use crate::memory::keys::{find, find_many, repeated};
use crate::memory::log::{KeyUse, Log, Stream};
use crate::metadata::Metadata;
use crate::payload::Payload;
use crate::position::GlobalPosition;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

pub(super) fn append(log: &mut Log, append: Append) -> Result<Appended, AppendError> {
    if append.events.is_empty() {
        return Ok(Appended::NOTHING);
    }
    check_events(&append.events)?;
    let fingerprint = append.fingerprint.unwrap_or_else(|| content_of(&append.stream, &append.events));
    if let Some(key) = append.key
        && let Some(first_result) = find(log, key, Some(fingerprint))?
    {
        return Ok(first_result);
    }
    let Append { stream, expected, events, key, .. } = append;
    let one =
        AppendMany { streams: vec![StreamAppend { stream, expected, events }], key, ..AppendMany::new() };
    let receipts = store(log, one, fingerprint, false)?;
    Ok(receipts.streams[0].appended)
}

pub(super) fn append_many(log: &mut Log, append: AppendMany) -> Result<AppendedMany, AppendError> {
    let append = append.checked()?;
    check_events(append.events())?;
    let fingerprint = append.fingerprint.unwrap_or_else(|| content_of_many(&append));
    // A check alone stores nothing, and nothing under a key.
    let key = append.key.filter(|_| append.events().next().is_some());
    if let Some(key) = key
        && let Some(first_result) = find_many(log, key, Some(fingerprint))?
    {
        return Ok(first_result);
    }
    let claims = append.claims.clone();
    if !claims.is_empty() {
        // The very same call may have come before, and its claims since taken by another.
        if let Some(first) = receipt_of_repetition(log, &append.streams) {
            return Ok(repeated(&first));
        }
        claims::check(log, &append.claims_in_order())?;
    }
    let receipts = store(log, AppendMany { key, ..append }, fingerprint, true)?;
    claims::keep(log, &claims);
    Ok(receipts)
}

/// Refuses what no log could keep.
pub(super) fn check_events<'a>(events: impl IntoIterator<Item = &'a NewEvent>) -> Result<(), AppendError> {
    let mut seen = HashSet::new();
    let mut twice = None;
    for (index, event) in events.into_iter().enumerate() {
        event.metadata.encode().map_err(|source| AppendError::InvalidPayload { index, source })?;
        if !seen.insert(event.id) {
            twice = twice.or(Some(event.id));
        }
    }
    twice.map_or(Ok(()), |id| Err(AppendError::DuplicateEventId(id)))
}

/// Stores an append under a key that is free, or finds out that its very events are there already.
pub(super) fn store(
    log: &mut Log,
    append: AppendMany,
    fingerprint: Fingerprint,
    many: bool,
) -> Result<AppendedMany, AppendError> {
    if let Err(refused) = check_versions(log, &append.streams) {
        return receipt_of_repetition(log, &append.streams).map(|first| repeated(&first)).ok_or(refused);
    }
    // A deleted stream begins again, unless with what it began before.
    if append.streams.iter().any(|part| begins_again(log, part))
        && let Some(first) = receipt_of_repetition(log, &append.streams)
    {
        return Ok(repeated(&first));
    }
    if log.unique_event_ids
        && let Some(known) = append.events().find(|event| log.event_ids.contains(&event.id))
    {
        return Err(AppendError::DuplicateEventId(known.id));
    }
    let parts = append.streams.into_iter().filter(|part| !part.events.is_empty());
    let receipts = AppendedMany::from_streams(parts.map(|part| add(log, part)).collect());
    if let Some(key) = append.key {
        log.keys.insert(key, KeyUse::Applied { fingerprint, receipts: receipts.clone(), many });
    }
    Ok(receipts)
}

/// Passes streams that are all as expected; refuses the first one that is not, by name.
pub(super) fn check_versions(log: &Log, parts: &[StreamAppend]) -> Result<(), AppendError> {
    let mut by_name: Vec<&StreamAppend> = parts.iter().collect();
    by_name.sort_by_key(|part| &part.stream);
    by_name.into_iter().try_for_each(|StreamAppend { stream, expected, .. }| {
        let actual = log.version(stream);
        match expected {
            _ if log.streams.get(stream).is_some_and(|stored| stored.is_tombstoned) => {
                Err(AppendError::StreamTombstoned(stream.clone()))
            }
            _ if expected.holds_at(actual) => Ok(()),
            ExpectedVersion::StreamExists => Err(AppendError::StreamNotFound(stream.clone())),
            _ => Err(AppendError::WrongVersion { stream: stream.clone(), expected: *expected, actual }),
        }
    })
}

fn begins_again(log: &Log, part: &StreamAppend) -> bool {
    part.expected.holds_at(Version::NONE)
        && part.expected.is_exact()
        && log.streams.contains_key(&part.stream)
}

/// The receipts of these very events, if they all stand right behind the versions they are expected at.
pub(super) fn receipt_of_repetition(log: &Log, parts: &[StreamAppend]) -> Option<AppendedMany> {
    let stored = parts.iter().filter(|part| !part.events.is_empty()).map(|part| {
        let stored = log.streams.get(&part.stream).filter(|stored| !stored.is_tombstoned)?;
        let recorded = bases(log, stored, part).into_iter().find_map(|base| {
            let recorded = stored.range(base.next(), base.advance(part.events.len() as u64));
            let ids = recorded.iter().map(|&position| log.event(position).id);
            ids.eq(part.events.iter().map(|event| event.id)).then_some(recorded)
        })?;
        Some(receipt(log, &part.stream, recorded))
    });
    let streams: Vec<_> = stored.collect::<Option<_>>()?;
    (!streams.is_empty()).then(|| AppendedMany::from_streams(streams))
}

/// The versions that these events can have been expected at before. A stream that began again did so behind a
/// version that it was deleted at.
fn bases(log: &Log, stored: &Stream, part: &StreamAppend) -> Vec<Version> {
    let first = part.events.first().map(|event| event.id);
    match part.expected {
        ExpectedVersion::Exact(version) if version > Version::NONE => vec![version],
        ExpectedVersion::NoStream | ExpectedVersion::Exact(_) => {
            let left = stored.range(Version::FIRST, stored.first_version);
            let begun =
                left.iter().map(|&position| log.event(position)).filter(|event| Some(event.id) == first);
            begun.filter_map(|event| Version::try_from(event.version.get() - 1).ok()).collect()
        }
        ExpectedVersion::StreamExists | ExpectedVersion::Any => Vec::new(),
    }
}

/// Adds the events of one stream to the log.
fn add(log: &mut Log, part: StreamAppend) -> StreamAppended {
    let StreamAppend { stream, events, .. } = part;
    let mut version = log.streams.get(&stream).map_or(Version::NONE, |stored| stored.version);
    let mut recorded = Vec::with_capacity(events.len());
    let recorded_at = Utc::now();
    for event in events {
        version = version.next();
        let position = log.draw_position();
        recorded.push(position);
        log.event_ids.insert(event.id);
        log.events.push(RecordedEvent {
            position,
            stream: stream.clone(),
            version,
            id: event.id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            data: event.data,
            raw_metadata: encoded(&event.metadata),
            recorded_at,
        });
    }
    let receipt = receipt(log, &stream, &recorded);
    let stored = log.streams.entry(stream).or_default();
    stored.version = version;
    stored.positions.append(&mut recorded);
    receipt
}

fn encoded(metadata: &Metadata) -> Option<Payload> {
    metadata.encode().expect("the metadata was encoded once already")
}

fn receipt(log: &Log, stream: &StreamName, recorded: &[GlobalPosition]) -> StreamAppended {
    let event = |position: Option<&GlobalPosition>| log.event(*position.expect("an append has events"));
    let (first, last) = (event(recorded.first()), event(recorded.last()));
    let appended = Appended {
        from_version: first.version,
        to_version: last.version,
        from_position: first.position,
        to_position: last.position,
        already_applied: false,
    };
    StreamAppended { stream: stream.clone(), appended }
}
