//! The append: checks everything first, then stores everything.
//!
//! The order of the checks is the one of the PostgreSQL adapter: the events themselves, the key, the
//! version.

use std::collections::HashSet;

use chrono::Utc;
use sha2::{Digest, Sha256};

use crate::append::{Append, AppendError, Appended};
use crate::event::{NewEvent, RecordedEvent};
use crate::event_id::EventId;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::memory::log::{Log, version_of};
use crate::payload::Payload;
use crate::version::{ExpectedVersion, Version};

pub(super) fn append(log: &mut Log, append: Append) -> Result<Appended, AppendError> {
    if append.events.is_empty() {
        return Ok(Appended::NOTHING);
    }
    let metadata = encode_metadata(&append.events)?;
    refuse_duplicate_ids(&append.events)?;
    let fingerprint = append.fingerprint.unwrap_or_else(|| fingerprint_of(&append));
    if let Some(first_result) = used_key(log, &append, fingerprint)? {
        return Ok(first_result);
    }
    if let Some(first_result) = check_version(log, &append)? {
        return Ok(first_result);
    }
    let key = append.key;
    let appended = store(log, append, metadata);
    if let Some(key) = key {
        log.keys.insert(key, (fingerprint, appended));
    }
    Ok(appended)
}

fn encode_metadata(events: &[NewEvent]) -> Result<Vec<Option<Payload>>, AppendError> {
    let encode = |(index, event): (usize, &NewEvent)| {
        event.metadata.encode().map_err(|source| AppendError::InvalidPayload { index, source })
    };
    events.iter().enumerate().map(encode).collect()
}

fn refuse_duplicate_ids(events: &[NewEvent]) -> Result<(), AppendError> {
    let mut seen = HashSet::with_capacity(events.len());
    match events.iter().find(|event| !seen.insert(event.id)) {
        Some(twice) => Err(AppendError::DuplicateEventId(twice.id)),
        None => Ok(()),
    }
}

/// What the append is about: where, which types, which data – not ids, times or the expected version.
fn fingerprint_of(append: &Append) -> Fingerprint {
    let mut hash = Sha256::new();
    // Lengths go in front, so that no two different lists of texts run together into the same bytes.
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(append.stream.as_str());
    for event in &append.events {
        add(event.event_type.as_str());
        add(event.data.as_str());
    }
    Fingerprint::of(hash.finalize())
}

fn used_key(log: &Log, append: &Append, fingerprint: Fingerprint) -> Result<Option<Appended>, AppendError> {
    append.key.map_or(Ok(None), |key| find(log, key, Some(fingerprint)))
}

/// Finds the receipt stored under a key, whose fingerprint must be the one given, if one is.
pub(super) fn find(
    log: &Log,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Appended>, AppendError> {
    match log.keys.get(&key) {
        None => Ok(None),
        Some((stored, _)) if fingerprint.is_some_and(|given| given != *stored) => {
            Err(AppendError::KeyReused { key })
        }
        Some((_, first_result)) => Ok(Some(Appended { already_applied: true, ..*first_result })),
    }
}

/// Passes an append whose expectation holds, and returns the first result of one that was stored before.
fn check_version(log: &Log, append: &Append) -> Result<Option<Appended>, AppendError> {
    let stored = log.stream(&append.stream);
    let actual = version_of(stored);
    if append.expected.holds_at(actual) {
        return Ok(None);
    }
    let expected = match append.expected {
        ExpectedVersion::NoStream => Version::NONE,
        ExpectedVersion::Exact(version) => version,
        ExpectedVersion::StreamExists | ExpectedVersion::Any => {
            return Err(AppendError::StreamNotFound(append.stream.clone()));
        }
    };
    let ids = append.events.iter().map(|event| event.id);
    first_result(log, stored, expected, ids).map(Some).ok_or_else(|| AppendError::WrongVersion {
        stream: append.stream.clone(),
        expected: append.expected,
        actual,
    })
}

/// The receipt of the events with these ids, if they stand right behind the expected version.
fn first_result(
    log: &Log,
    stored: &[usize],
    expected: Version,
    ids: impl ExactSizeIterator<Item = EventId>,
) -> Option<Appended> {
    let first = usize::try_from(expected.get()).ok()?;
    let last = first.checked_add(ids.len())?;
    let recorded = stored.get(first..last)?;
    let same = recorded.iter().map(|&index| log.events[index].id).eq(ids);
    same.then(|| Appended { already_applied: true, ..receipt(log, recorded) })
}

fn store(log: &mut Log, append: Append, metadata: Vec<Option<Payload>>) -> Appended {
    let mut version = version_of(log.stream(&append.stream));
    let mut recorded = Vec::with_capacity(append.events.len());
    let recorded_at = Utc::now();
    for (event, raw_metadata) in append.events.into_iter().zip(metadata) {
        version = version.next();
        recorded.push(log.events.len());
        log.events.push(RecordedEvent {
            position: log.next_position(),
            stream: append.stream.clone(),
            version,
            id: event.id,
            event_type: event.event_type,
            schema_version: event.schema_version,
            data: event.data,
            raw_metadata,
            recorded_at,
        });
    }
    let appended = receipt(log, &recorded);
    log.streams.entry(append.stream).or_default().append(&mut recorded);
    appended
}

fn receipt(log: &Log, recorded: &[usize]) -> Appended {
    let event = |index: Option<&usize>| &log.events[*index.expect("an append has events")];
    let (first, last) = (event(recorded.first()), event(recorded.last()));
    Appended {
        from_version: first.version,
        to_version: last.version,
        from_position: first.position,
        to_position: last.position,
        already_applied: false,
    }
}
