//! What the log in memory consists of.
//!
//! Guarantees: position n is the n-th event; version v of a stream is the v-th event of its list.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::append_many::AppendedMany;
use crate::claim::Claim;
use crate::event::RecordedEvent;
use crate::event_id::EventId;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::position::GlobalPosition;
use crate::snapshot::{SnapshotKind, StoredSnapshot};
use crate::stream::StreamName;
use crate::version::Version;

/// All events in the order of the log, and two indexes over them.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Every event, by rising position.
    pub(super) events: Vec<RecordedEvent>,
    /// For each stream where its events stand in `events`, by rising version; in byte order of the names.
    pub(super) streams: BTreeMap<StreamName, Vec<usize>>,
    /// Every key that was ever used: what for, and what came of it.
    pub(super) keys: HashMap<IdempotencyKey, KeyUse>,
    /// The snapshots of each stream, kind and shape, by version.
    pub(super) snapshots: BTreeMap<(StreamName, SnapshotKind), BTreeMap<Version, KeptSnapshot>>,
    /// Which stream holds each claim.
    pub(super) claims: HashMap<Claim, StreamName>,
    /// The id of every event.
    pub(super) event_ids: HashSet<EventId>,
    /// Whether an id that is there already is refused.
    pub(super) unique_event_ids: bool,
}

/// What a key was used for.
#[derive(Debug)]
pub(super) enum KeyUse {
    /// For nothing, and it never will be.
    Cancelled,
    /// For an append, to one stream or to `many`.
    Applied { fingerprint: Fingerprint, receipts: AppendedMany, many: bool },
}

/// A snapshot, and what has to hold for it to count.
#[derive(Debug)]
pub(super) struct KeptSnapshot {
    pub(super) snapshot: StoredSnapshot,
    /// From which version on the stream was shown.
    pub(super) first_version: Version,
    /// The event it ends with.
    pub(super) last_event: EventId,
}

impl Log {
    /// The position of the last event.
    pub(super) fn head(&self) -> GlobalPosition {
        self.events.last().map_or(GlobalPosition::START, |event| event.position)
    }

    /// The position of the event that is stored next.
    pub(super) fn next_position(&self) -> GlobalPosition {
        GlobalPosition::recorded(i64::try_from(self.events.len() + 1).expect("memory ends before i64"))
    }

    /// The indexes of a stream's events; none when there is no such stream.
    pub(super) fn stream(&self, name: &StreamName) -> &[usize] {
        self.streams.get(name).map_or(&[], Vec::as_slice)
    }
}

/// The version of a stream with so many events.
pub(super) fn version_of(indexes: &[usize]) -> Version {
    Version::NONE.advance(indexes.len() as u64)
}
