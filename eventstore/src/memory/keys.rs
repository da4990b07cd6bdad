//! Idempotency keys: what each was used for, and what came of it.

use crate::append::{AppendError, Appended};
use crate::append_many::{AppendedMany, Cancellation};
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::memory::log::{KeyUse, Log};

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
