//! Idempotency keys: what each was used for, and what came of it.

use sha2::{Digest, Sha256};

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, Cancellation};
use crate::event::NewEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::memory::log::{KeyUse, Log};
use crate::stream::StreamName;

/// Finds what was stored under a key, whose fingerprint must be the one given, if one is.
pub(super) fn find_many(
    log: &Log,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<AppendedMany>, AppendError> {
    match log.keys.get(&key) {
        None => Ok(None),
        Some(KeyUse::Cancelled) => Err(AppendError::KeyCancelled { key }),
        Some(KeyUse::Applied { fingerprint: stored, .. })
            if fingerprint.is_some_and(|given| given != *stored) =>
        {
            Err(AppendError::KeyReused { key })
        }
        Some(KeyUse::Applied { receipts, .. }) => Ok(Some(repeated(receipts))),
    }
}

/// As [`find_many`], for a key that must have been used for an append to one stream.
pub(super) fn find(
    log: &Log,
    key: IdempotencyKey,
    fingerprint: Option<Fingerprint>,
) -> Result<Option<Appended>, AppendError> {
    if let Some(KeyUse::Applied { many: true, .. }) = log.keys.get(&key) {
        return Err(AppendError::KeyReused { key });
    }
    let found = find_many(log, key, fingerprint)?;
    Ok(found.and_then(|found| found.streams.first().map(|part| part.appended)))
}

/// Closes a key, unless it was used.
pub(super) fn cancel(log: &mut Log, key: IdempotencyKey) -> Cancellation {
    match log.keys.entry(key).or_insert(KeyUse::Cancelled) {
        KeyUse::Cancelled => Cancellation::Cancelled,
        KeyUse::Applied { receipts, .. } => Cancellation::Applied(repeated(receipts)),
    }
}

/// The receipt of a repetition.
pub(super) fn repeated(first: &AppendedMany) -> AppendedMany {
    let mut again = first.clone();
    again.already_applied = true;
    again.streams.iter_mut().for_each(|part| part.appended.already_applied = true);
    again
}

/// What an append is about: where, which types, which data – not ids, times or the expected version.
pub(super) fn fingerprint_of(append: &Append) -> Fingerprint {
    fingerprint_of_events(&append.stream, &append.events)
}

/// As [`fingerprint_of`], of the events of one decision.
pub(super) fn fingerprint_of_events(stream: &StreamName, events: &[NewEvent]) -> Fingerprint {
    let mut hash = Sha256::new();
    add(&mut hash, stream.as_str(), events);
    Fingerprint::of(hash.finalize())
}

/// As [`fingerprint_of`], stream by stream; what is only checked is an expectation.
pub(super) fn fingerprint_of_many(append: &AppendMany) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update("several streams");
    for part in append.streams.iter().filter(|part| !part.events.is_empty()) {
        add(&mut hash, part.stream.as_str(), &part.events);
    }
    Fingerprint::of(hash.finalize())
}

/// Counts and lengths go in front, so that no two different lists of texts run together into the same bytes.
fn add(hash: &mut Sha256, stream: &str, events: &[NewEvent]) {
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    add(stream);
    add(&events.len().to_string());
    for event in events {
        add(event.event_type.as_str());
        add(event.data.as_str());
    }
}
