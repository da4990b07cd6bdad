//! Snapshots: for each stream, kind and shape the states by version.

use chrono::Utc;

use crate::event_id::EventId;
use crate::memory::log::{KeptSnapshot, Log};
use crate::memory::read::{read_stream, stream_info};
use crate::read::{ReadError, StreamQuery, StreamTail};
use crate::snapshot::{NewSnapshot, SnapshotKind, SnapshotTail, StoredSnapshot, snapshot_hash};
use crate::stream::StreamName;
use crate::version::Version;

pub(super) fn read_from_snapshot(
    log: &Log,
    stream: &StreamName,
    kind: &SnapshotKind,
    up_to: Version,
    limit: usize,
) -> Result<SnapshotTail, ReadError> {
    let info = stream_info(log, stream)?;
    let kept = log.snapshots.get(&(stream.clone(), kind.clone()));
    let counts = |kept: &&KeptSnapshot| {
        kept.first_version == info.first_version
            && last_event(log, stream, kept.snapshot.version) == Some(kept.last_event)
    };
    let snapshot = kept.and_then(|kept| kept.range(..=up_to).rev().map(|(_, kept)| kept).find(counts));
    let snapshot = snapshot.map(|kept| kept.snapshot.clone());
    let after = snapshot.as_ref().map_or(Version::NONE, |snapshot| snapshot.version);
    let events = read_stream(log, stream, StreamQuery::forward().from(after.next()).limit(limit))?;
    let tail = StreamTail { events, first_version: info.first_version, version: info.version };
    Ok(SnapshotTail { snapshot, tail })
}

pub(super) fn write_snapshot(log: &mut Log, new: NewSnapshot, keep: u32) -> bool {
    let NewSnapshot { stream, kind, version, state } = new;
    let Ok(info) = stream_info(log, &stream) else { return false };
    let Some(last_event) = last_event(log, &stream, version) else { return false };
    let hash = snapshot_hash(version, &state);
    let snapshot = StoredSnapshot { version, state, hash, taken_at: Utc::now() };
    let kept = log.snapshots.entry((stream, kind)).or_default();
    kept.insert(version, KeptSnapshot { snapshot, first_version: info.first_version, last_event });
    while kept.len() > usize::try_from(keep.max(1)).unwrap_or(usize::MAX) {
        kept.pop_first();
    }
    true
}

pub(super) fn prune_snapshots(log: &mut Log, kind: &SnapshotKind) -> u64 {
    let mut pruned = 0;
    log.snapshots.retain(|(_, of), kept| {
        let stays = of.name != kind.name || of.shape == kind.shape;
        if !stays {
            pruned += kept.len() as u64;
        }
        stays
    });
    pruned
}

/// The id of the event at a version, if the stream shows it.
fn last_event(log: &Log, stream: &StreamName, version: Version) -> Option<EventId> {
    let query = StreamQuery::forward().from(version).limit(1);
    let event = read_stream(log, stream, query).ok()?.pop()?;
    (event.version == version).then_some(event.id)
}
