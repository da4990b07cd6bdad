//! Stores with one fault each, around a sound one: what the conformance suite has to notice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use annals_eventstore::conformance::{CaseResult, StoreHarness};
use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Appended, AppendedDecisions, AppendedMany,
    Cancellation, Category, Claim, ClaimChange, Deleted, Deletion, DeletionError, EventFilter, EventId,
    EventStore, ExpectedVersion, Fingerprint, GlobalPosition, IdempotencyKey, LogPage, LogQuery, MemoryStore,
    Metadata, NewEvent, Payload, ReadError, RecordedEvent, Scrub, ScrubError, Scrubbed, StreamInfo,
    StreamListQuery, StreamName, StreamQuery, StreamRetention, Version, Wakeups,
};
use tokio::sync::watch;

/// What a store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the wrapper itself is sound.
    None,
    /// Appends whatever version is expected.
    SkipsTheVersionCheck,
    /// Compares the versions first and appends later, when another writer may have come between.
    ChecksTheVersionTooEarly,
    /// Gives every event an id of its own.
    ForgetsIds,
    /// Takes any append at a version that is gone for a repetition.
    TakesLateAppendsForRepetitions,
    /// Passes over idempotency keys.
    ForgetsKeys,
    /// Takes any append under a used key for a repetition.
    ForgetsFingerprints,
    /// Stores the events before one that is refused.
    StoresTheFirstHalfOfARefusedAppend,
    /// Stores one append in two steps that readers can come between.
    TearsAppends,
    /// Hands out a page in another order.
    Reorders,
    /// Leaves the last event out of a page and says that it was seen.
    DropsALateEvent,
    /// Hands out the last event of a page twice.
    DeliversTwice,
    /// Settles a page at a place before its last event, which then comes again.
    SettlesTooEarly,
    /// Settles a full page at the head, beyond events that are still to come.
    SettlesTooFar,
    /// Gives events that nobody asked for.
    ForgetsFilters,
    /// Takes every stream whose name begins like a category for one of it.
    TakesPrefixesForCategories,
    /// Passes over what a reader has seen.
    ForgetsCursors,
    /// Takes a cursor for another log's when its event was scrubbed.
    ForgetsTheScrubbed,
    /// Reads JSON and writes it anew.
    ReformatsPayloads,
    /// Drops the metadata.
    DropsMetadata,
    /// Stores the events of several streams one stream after the other.
    StoresStreamByStream,
    /// Passes over streams that are only checked.
    ForgetsChecks,
    /// Stores the events of an append to several streams, and passes over its claims.
    ForgetsClaims,
    /// Answers that a key is cancelled, and leaves it open.
    ForgetsCancellations,
    /// Takes event ids that it holds already, also where they are required to be unique.
    TakesKnownIds,
    /// Says that a stream is deleted, and goes on showing it.
    ShowsDeletedStreams,
    /// Deletes where it was told to tombstone.
    ForgetsTombstones,
    /// Deletes whatever version is expected.
    DeletesAtAnyVersion,
    /// Scrubs a stream that shows its events.
    ScrubsWhatIsShown,
    /// Says that a stream is scrubbed, and keeps its events.
    ForgetsToScrub,
    /// Scrubs with the first batch whatever it finds.
    ScrubsAtOnce,
    /// Says of a claim who held it first.
    KeepsClaims,
    /// Deletes what is to be truncated.
    DeletesInsteadOfTruncating,
}

/// A sound store behind a fault.
#[derive(Debug, Clone)]
pub(crate) struct BrokenStore {
    sound: MemoryStore,
    fault: Fault,
    /// How often the log was read, and how many appends passed a check.
    reads: Arc<watch::Sender<usize>>,
    checks: Arc<watch::Sender<usize>>,
    /// Who took each claim first.
    takers: Arc<Mutex<HashMap<Claim, StreamName>>>,
}

impl BrokenStore {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            sound: MemoryStore::new(),
            fault,
            reads: Arc::default(),
            checks: Arc::default(),
            takers: Arc::default(),
        }
    }

    /// Tells whether a clone of this handle is left somewhere.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.reads) > 1
    }

    /// Returns how often the log was read.
    pub(crate) fn reads(&self) -> usize {
        *self.reads.borrow()
    }

    /// Refuses a reader whose event is gone, however it went.
    async fn require_what_was_seen(&self, query: &LogQuery) -> Result<(), ReadError> {
        let Some(seen) = query.seen else { return Ok(()) };
        let all = self.sound.read_log(LogQuery::after(GlobalPosition::START).limit(usize::MAX)).await?;
        match all.events.iter().any(|event| event.id == seen) {
            true => Ok(()),
            false => Err(ReadError::Diverged { position: query.from, seen, found: None }),
        }
    }

    /// Wants streams by the beginning of their names in place of a category.
    async fn prefixed(&self, filter: EventFilter) -> EventFilter {
        let thing = Category::new("thing").expect("it is a category");
        if filter != EventFilter::all().categories([thing]) {
            return filter;
        }
        let query = StreamListQuery { prefix: "thing".to_owned(), ..StreamListQuery::default() };
        let streams = self.sound.list_streams(query).await.expect("memory can be read");
        EventFilter::all().streams(streams.into_iter().map(|info| info.name))
    }

    /// Compares versions, and goes on only when a second append has passed the same comparison.
    async fn check_early(&self, append: Append) -> Result<Appended, AppendError> {
        let actual = self.sound.stream_info(&append.stream).await.map_or(Version::NONE, |info| info.version);
        if !append.expected.holds_at(actual) {
            return self.sound.append(append).await;
        }
        let mut checks = self.checks.subscribe();
        self.checks.send_modify(|checks| *checks += 1);
        checks.wait_for(|checks| *checks > 1).await.expect("the sender is ours");
        self.sound.append(append.expecting(ExpectedVersion::Any)).await
    }

    /// Stores one half, waits for a reader, and stores the other half.
    async fn tear(&self, mut append: Append) -> Result<Appended, AppendError> {
        let rest = append.events.split_off(append.events.len() / 2);
        let stream = append.stream.clone();
        let first = self.sound.append(append).await?;
        let mut reads = self.reads.subscribe();
        let before = *reads.borrow_and_update();
        reads.wait_for(|reads| *reads > before).await.expect("the sender is ours");
        let last = self.sound.append(Append::to(stream, rest)).await?;
        Ok(Appended { to_version: last.to_version, to_position: last.to_position, ..first })
    }

    async fn take_for_repetition(&self, append: Append) -> Result<Appended, AppendError> {
        let events = append.events.len();
        match self.sound.append(append).await {
            Err(AppendError::WrongVersion { actual, .. }) if actual > Version::NONE => Ok(Appended {
                from_version: Version::FIRST,
                to_version: Version::NONE.advance(events as u64),
                from_position: GlobalPosition::START,
                to_position: GlobalPosition::START,
                already_applied: true,
            }),
            answer => answer,
        }
    }

    async fn store_stream_by_stream(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        let mut all = AppendedMany { streams: Vec::new(), already_applied: false };
        for part in append.streams {
            let one = AppendMany { streams: vec![part], ..AppendMany::new() };
            all.streams.extend(self.sound.append_many(one).await?.streams);
        }
        Ok(all)
    }

    async fn store_half(&self, append: Append) -> Result<Appended, AppendError> {
        let refused = match self.sound.append(append.clone()).await {
            Err(refused @ AppendError::InvalidPayload { .. }) => refused,
            answer => return answer,
        };
        let first = append.events.into_iter().take(1);
        self.sound.append(Append::to(append.stream, first)).await?;
        Err(refused)
    }
}

/// An append with each of its events changed.
fn with_events(append: Append, change: impl Fn(NewEvent) -> NewEvent) -> Append {
    Append { events: append.events.into_iter().map(change).collect(), ..append }
}

/// An append to several streams with the fault in it.
fn spoilt_many(fault: Fault, mut append: AppendMany) -> AppendMany {
    match fault {
        Fault::SkipsTheVersionCheck => {
            append.streams.iter_mut().for_each(|part| part.expected = ExpectedVersion::Any);
        }
        Fault::ForgetsIds => {
            let events = append.streams.iter_mut().flat_map(|part| &mut part.events);
            events.for_each(|event| event.id = EventId::new());
        }
        Fault::ForgetsKeys => append.key = None,
        Fault::ForgetsFingerprints => append.fingerprint = Some(Fingerprint::of("always the same")),
        Fault::ForgetsClaims => append.claims.clear(),
        Fault::ForgetsChecks => append.streams.retain(|part| !part.events.is_empty()),
        _ => {}
    }
    append
}

fn reformatted(event: NewEvent) -> NewEvent {
    let read: serde_json::Value = event.data.decode().unwrap_or_default();
    NewEvent { data: Payload::encode(&read).expect("what was read can be written"), ..event }
}

/// A page of the log with the fault in it.
fn spoilt(fault: Fault, mut page: LogPage) -> LogPage {
    match fault {
        Fault::Reorders => page.events.reverse(),
        Fault::DropsALateEvent => drop(page.events.pop()),
        Fault::DeliversTwice => page.events.extend(page.events.last().cloned()),
        Fault::SettlesTooEarly => {
            page.settled_to = page.events.iter().rev().nth(1).map_or(page.settled_to, |event| event.position);
        }
        Fault::SettlesTooFar => page.settled_to = page.head,
        _ => {}
    }
    page
}

impl EventStore for BrokenStore {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let append = match self.fault {
            Fault::ChecksTheVersionTooEarly => return self.check_early(append).await,
            Fault::TearsAppends => return self.tear(append).await,
            Fault::TakesLateAppendsForRepetitions => return self.take_for_repetition(append).await,
            Fault::StoresTheFirstHalfOfARefusedAppend => return self.store_half(append).await,
            Fault::SkipsTheVersionCheck => append.expecting(ExpectedVersion::Any),
            Fault::ForgetsIds => with_events(append, |event| event.with_id(EventId::new())),
            Fault::ForgetsKeys => Append { key: None, ..append },
            Fault::ForgetsFingerprints => append.with_fingerprint(Fingerprint::of("always the same")),
            Fault::ReformatsPayloads => with_events(append, reformatted),
            Fault::DropsMetadata => with_events(append, |event| event.with_metadata(Metadata::default())),
            _ => append,
        };
        self.sound.append(append).await
    }

    async fn append_many(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        match self.fault {
            Fault::StoresStreamByStream => return self.store_stream_by_stream(append).await,
            _ => self.sound.append_many(spoilt_many(self.fault, append)).await,
        }
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        match self.fault {
            Fault::ForgetsCancellations => Ok(Cancellation::Cancelled),
            _ => self.sound.cancel_key(key).await,
        }
    }

    async fn append_decisions(&self, append: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        for change in append.decisions.iter().flat_map(|decision| &decision.claims) {
            if let ClaimChange::Take(claim) = change {
                let mut takers = self.takers.lock().expect("nobody panics while it is held");
                takers.entry(claim.clone()).or_insert_with(|| append.stream.clone());
            }
        }
        self.sound.append_decisions(append).await
    }

    async fn claim_holder(&self, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
        match self.fault {
            Fault::KeepsClaims => Ok(self.takers.lock().expect("as above").get(claim).cloned()),
            _ => self.sound.claim_holder(claim).await,
        }
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        self.sound.find_append_many(key, fingerprint).await
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        self.sound.find_append(key, fingerprint).await
    }

    async fn read_log(&self, mut query: LogQuery) -> Result<LogPage, ReadError> {
        match self.fault {
            Fault::ForgetsFilters => query.filter = EventFilter::all(),
            Fault::ForgetsCursors => query.seen = None,
            Fault::ForgetsTheScrubbed => self.require_what_was_seen(&query).await?,
            Fault::TakesPrefixesForCategories => query.filter = self.prefixed(query.filter).await,
            _ => {}
        }
        let page = self.sound.read_log(query).await?;
        self.reads.send_modify(|reads| *reads += 1);
        Ok(spoilt(self.fault, page))
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.sound.read_stream(stream, query).await
    }

    async fn stream_info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        self.sound.stream_info(stream).await
    }

    async fn list_streams(&self, query: StreamListQuery) -> Result<Vec<StreamInfo>, ReadError> {
        self.sound.list_streams(query).await
    }

    fn wakeups(&self) -> Wakeups {
        self.sound.wakeups()
    }
}

impl StreamRetention for BrokenStore {
    async fn delete_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        let deletion = spoilt_deletion(self.fault, deletion);
        if self.fault == Fault::ShowsDeletedStreams {
            // As sound as it sounds: what is there is looked up.
            let version = self.sound.stream_info(&deletion.stream).await.map(|info| info.version);
            let version = version.map_err(|_| DeletionError::StreamNotFound(deletion.stream))?;
            return Ok(Deleted { version, first_version: version.next(), already_applied: false });
        }
        self.sound.delete_stream(deletion).await
    }

    async fn truncate_stream(&self, deletion: Deletion, before: Version) -> Result<Deleted, DeletionError> {
        let deletion = spoilt_deletion(self.fault, deletion);
        match self.fault {
            Fault::DeletesInsteadOfTruncating => self.sound.delete_stream(deletion).await,
            _ => self.sound.truncate_stream(deletion, before).await,
        }
    }

    async fn tombstone_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        let deletion = spoilt_deletion(self.fault, deletion);
        match self.fault {
            Fault::ForgetsTombstones => self.sound.delete_stream(deletion).await,
            _ => self.sound.tombstone_stream(deletion).await,
        }
    }

    async fn scrub_batch(&self, scrub: &Scrub) -> Result<Scrubbed, ScrubError> {
        match self.fault {
            Fault::ForgetsToScrub => return Ok(Scrubbed { is_done: true, ..Scrubbed::default() }),
            Fault::ScrubsAtOnce => return self.sound.scrub_stream(scrub.clone()).await,
            Fault::ScrubsWhatIsShown => {
                let deletion = Deletion::of(scrub.stream.clone());
                drop(self.sound.delete_stream(deletion).await);
            }
            _ => {}
        }
        self.sound.scrub_batch(scrub).await
    }
}

fn spoilt_deletion(fault: Fault, deletion: Deletion) -> Deletion {
    match fault {
        Fault::DeletesAtAnyVersion => deletion.expecting(ExpectedVersion::Any),
        _ => deletion,
    }
}

impl StoreHarness for BrokenStore {
    type Store = Self;
    type Operator = Self;

    fn store(&self) -> Self {
        self.clone()
    }

    fn operator(&self) -> Self {
        self.clone()
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        if self.fault != Fault::TakesKnownIds {
            self.sound.require_unique_event_ids();
        }
        Ok(())
    }
}
