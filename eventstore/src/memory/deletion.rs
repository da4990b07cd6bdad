//! Deleting: what a stream shows, and what is removed of it. The reasons are kept nowhere.

use std::collections::HashSet;

use crate::deletion::{Deleted, Deletion, DeletionError, Scrub, ScrubError, Scrubbed};
use crate::memory::claims;
use crate::memory::log::{KeyUse, Log, Stream};
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

pub(super) fn delete(log: &mut Log, deletion: &Deletion) -> Result<Deleted, DeletionError> {
    check(log, deletion, deletion.expected)?;
    let Some(stored) = log.streams.get_mut(&deletion.stream) else {
        let (version, first_version) = (Version::NONE, Version::FIRST);
        return Ok(Deleted { version, first_version, already_applied: true });
    };
    let already_applied = !stored.exists();
    stored.first_version = stored.version.next();
    let deleted = receipt(stored, already_applied);
    claims::let_go_of_all(log, &deletion.stream);
    Ok(deleted)
}

pub(super) fn truncate(
    log: &mut Log,
    deletion: &Deletion,
    before: Version,
) -> Result<Deleted, DeletionError> {
    if before == Version::NONE {
        let told = "a stream cannot be truncated before version 0".to_owned();
        return Err(DeletionError::Malformed(told));
    }
    check(log, deletion, deletion.expected)?;
    check(log, deletion, ExpectedVersion::StreamExists)?;
    let stored = log.streams.get_mut(&deletion.stream).expect("the stream exists");
    if before > stored.version {
        return Err(DeletionError::Malformed(format!(
            "stream {} is at version {}: nothing would be left before version {before}",
            deletion.stream, stored.version
        )));
    }
    let already_applied = before <= stored.first_version;
    stored.first_version = stored.first_version.max(before);
    Ok(receipt(stored, already_applied))
}

pub(super) fn tombstone(log: &mut Log, deletion: &Deletion) -> Result<Deleted, DeletionError> {
    if let Some(stored) = log.streams.get(&deletion.stream).filter(|stored| stored.is_tombstoned) {
        let as_expected = match deletion.expected {
            ExpectedVersion::Any | ExpectedVersion::StreamExists => true,
            ExpectedVersion::NoStream => stored.version == Version::NONE,
            ExpectedVersion::Exact(version) => stored.version == version,
        };
        if as_expected {
            return Ok(receipt(stored, true));
        }
    }
    check(log, deletion, deletion.expected)?;
    let stored = log.streams.entry(deletion.stream.clone()).or_default();
    stored.is_tombstoned = true;
    stored.first_version = stored.version.next();
    let closed = receipt(stored, false);
    claims::let_go_of_all(log, &deletion.stream);
    Ok(closed)
}

fn receipt(stored: &Stream, already_applied: bool) -> Deleted {
    Deleted { version: stored.version, first_version: stored.first_version, already_applied }
}

/// Refuses a stream that is not as expected, or is tombstoned.
fn check(log: &Log, deletion: &Deletion, expected: ExpectedVersion) -> Result<(), DeletionError> {
    let stream = deletion.stream.clone();
    if log.streams.get(&stream).is_some_and(|stored| stored.is_tombstoned) {
        return Err(DeletionError::StreamTombstoned(stream));
    }
    let actual = log.version(&stream);
    match expected {
        _ if expected.holds_at(actual) => Ok(()),
        ExpectedVersion::StreamExists => Err(DeletionError::StreamNotFound(stream)),
        _ => Err(DeletionError::WrongVersion { stream, expected, actual }),
    }
}

/// Removes the first events of those that the stream no longer shows, and the keys that brought them.
pub(super) fn scrub(log: &mut Log, request: &Scrub) -> Result<Scrubbed, ScrubError> {
    if request.batch_events == 0 {
        return Err(ScrubError::Malformed("a scrub removes 1 or more events at a time, not 0".to_owned()));
    }
    let Some(stored) = log.streams.get_mut(&request.stream) else {
        return Err(ScrubError::StreamNotFound(request.stream.clone()));
    };
    if !stored.is_tombstoned && stored.first_version == Version::FIRST {
        return Err(ScrubError::NotDeleted(request.stream.clone()));
    }
    let first_version = stored.first_version;
    log.snapshots.retain(|(name, _), kept| {
        kept.retain(|_, snapshot| *name != request.stream || snapshot.first_version >= first_version);
        !kept.is_empty()
    });
    let doomed = stored.left_before(stored.first_version);
    let batch = doomed.min(request.batch_events);
    let positions: HashSet<_> = stored.positions.drain(..batch).collect();
    let first_left =
        Version::NONE.advance((stored.version.get().unsigned_abs()) - stored.positions.len() as u64);

    let (ids, scrubbed) = (&mut log.event_ids, &mut log.scrubbed);
    log.events.retain(|event| {
        let stays = !positions.contains(&event.position);
        if !stays {
            ids.remove(&event.id);
            scrubbed.insert(event.position, event.id);
        }
        stays
    });
    let keys_removed = forget_keys(log, &request.stream, first_left.next());
    let is_done = batch == doomed;
    Ok(Scrubbed { events_removed: positions.len() as u64, keys_removed, is_done })
}

/// Forgets keys all of whose events are gone; those that keep some answer with what is left.
fn forget_keys(log: &mut Log, name: &StreamName, first_left: Version) -> u64 {
    let stored = &log.streams[name];
    let mut removed = 0;
    log.keys.retain(|_, used| {
        let KeyUse::Applied { receipts, .. } = used else { return true };
        receipts.streams.retain_mut(|part| {
            let appended = &mut part.appended;
            if part.stream != *name || appended.from_version >= first_left {
                return true;
            }
            let left = stored.range(appended.from_version, appended.to_version).first();
            appended.from_position = left.copied().unwrap_or(appended.from_position);
            removed += u64::from(left.is_none());
            left.is_some()
        });
        !receipts.streams.is_empty()
    });
    removed
}
