//! What the log in memory consists of.
//!
//! Guarantees: events stand by rising position; a stream keeps its last versions without a gap, since a scrub
//! takes the first ones.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

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
    /// Every event that was not scrubbed, by rising position.
    pub(super) events: Vec<RecordedEvent>,
    /// What stood where events were scrubbed.
    pub(super) scrubbed: BTreeMap<GlobalPosition, EventId>,
    /// The position that was given out last.
    pub(super) last_drawn: GlobalPosition,
    /// Every stream that ever was, in byte order of the names.
    pub(super) streams: BTreeMap<StreamName, Stream>,
    /// Every key that was ever used: what for, and what came of it.
    pub(super) keys: HashMap<IdempotencyKey, KeyUse>,
    /// The snapshots of each stream, kind and shape, by version.
    pub(super) snapshots: BTreeMap<(StreamName, SnapshotKind), BTreeMap<Version, KeptSnapshot>>,
    /// Which stream holds each claim.
    pub(super) claims: HashMap<Claim, Holding>,
    /// The id of every event.
    pub(super) event_ids: HashSet<EventId>,
    /// Whether an id that is there already is refused.
    pub(super) unique_event_ids: bool,
}

/// Who holds a claim.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) holder: StreamName,
    pub(super) since: DateTime<Utc>,
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

/// What is known about a stream.
#[derive(Debug)]
pub(super) struct Stream {
    /// The number of events it ever had.
    pub(super) version: Version,
    /// The first version that is read; behind `version` when the stream is deleted.
    pub(super) first_version: Version,
    pub(super) is_tombstoned: bool,
    /// Where the events stand that were not scrubbed, by rising version up to the last.
    pub(super) positions: Vec<GlobalPosition>,
}

impl Default for Stream {
    fn default() -> Self {
        let (version, first_version) = (Version::NONE, Version::FIRST);
        Self { version, first_version, is_tombstoned: false, positions: Vec::new() }
    }
}

impl Stream {
    /// Tells whether there is something to read, or could be.
    pub(super) fn exists(&self) -> bool {
        self.first_version <= self.version && !self.is_tombstoned
    }

    /// How many of the events that are left lie before a version.
    pub(super) fn left_before(&self, version: Version) -> usize {
        let scrubbed = self.version.get() - i64::try_from(self.positions.len()).unwrap_or(i64::MAX);
        let before = version.get().saturating_sub(1).saturating_sub(scrubbed).max(0);
        usize::try_from(before).unwrap_or(usize::MAX).min(self.positions.len())
    }

    /// Where the events stand that are left of a range of versions, both inclusive.
    pub(super) fn range(&self, from: Version, to: Version) -> &[GlobalPosition] {
        let end = self.left_before(to.next());
        &self.positions[self.left_before(from).min(end)..end]
    }
}

impl Log {
    /// The highest position; nothing is ever under way.
    pub(super) fn head(&self) -> GlobalPosition {
        self.last_drawn
    }

    /// Draws the position of the event that is stored next.
    pub(super) fn draw_position(&mut self) -> GlobalPosition {
        self.last_drawn = GlobalPosition::recorded(i64::from(self.last_drawn) + 1);
        self.last_drawn
    }

    /// The id of the last event up to a position, were it scrubbed since.
    pub(super) fn last_up_to(&self, position: GlobalPosition) -> Option<EventId> {
        let end = self.events.partition_point(|event| event.position <= position);
        let event = self.events[..end].last().map(|event| (event.position, event.id));
        let scrubbed = self.scrubbed.range(..=position).next_back().map(|(position, id)| (*position, *id));
        event.into_iter().chain(scrubbed).max_by_key(|(position, _)| *position).map(|(_, id)| id)
    }

    /// The version that an appender has to expect; 0 when there is no such stream, or it is deleted.
    pub(super) fn version(&self, name: &StreamName) -> Version {
        self.streams.get(name).filter(|stream| stream.exists()).map_or(Version::NONE, |stream| stream.version)
    }

    /// The event at a position that a stream knows.
    pub(super) fn event(&self, position: GlobalPosition) -> &RecordedEvent {
        let index = self.events.binary_search_by_key(&position, |event| event.position);
        &self.events[index.expect("a stream knows the positions of its events")]
    }
}
