//! The handle: takes the lock, lets `append` and `read` work on the log, wakes readers afterwards.
//!
//! Guarantees: the lock is held for the length of one plain function and never across an `await`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, Cancellation};
use crate::claim::Claim;
use crate::claim_registry::ClaimRegistry;
use crate::claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
use crate::decisions::{AppendDecisions, AppendedDecisions};
use crate::deletion::{Deleted, Deletion, DeletionError, Scrub, ScrubError, Scrubbed};
use crate::event::RecordedEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::memory::append::{append, append_many};
use crate::memory::claims;
use crate::memory::decisions::append_decisions;
use crate::memory::deletion::{delete, scrub, tombstone, truncate};
use crate::memory::keys::{cancel, find, find_many};
use crate::memory::log::Log;
use crate::memory::read::{list_streams, read_log, read_stream, stream_info};
use crate::memory::snapshots::{prune_snapshots, read_from_snapshot, write_snapshot};
use crate::payload_codec::PayloadCoding;
use crate::read::{LogPage, LogQuery, ReadError, StreamInfo, StreamListQuery, StreamQuery, StreamTail};
use crate::retention::StreamRetention;
use crate::snapshot::{NewSnapshot, SnapshotError, SnapshotKind, SnapshotTail};
use crate::snapshot_store::SnapshotStore;
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::Version;
use crate::wakeup::{WakeupSource, Wakeups};

const POLL_INTERVAL_DEFAULT: Duration = Duration::from_secs(1);

/// A log in memory that keeps every promise of the PostgreSQL one, except that it ends with the process.
///
/// Clones are handles to the same log. Appends go one after another, so every event is settled at once.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Append, EventStore, ExpectedVersion, MemoryStore, NewEvent, StreamQuery};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let opened = NewEvent::new("account-opened", &serde_json::json!({"owner": "Ada"}))?;
///
/// store.append(Append::to("account-7".parse()?, [opened]).expecting(ExpectedVersion::NoStream)).await?;
///
/// let events = store.read_stream(&"account-7".parse()?, StreamQuery::forward()).await?;
/// assert_eq!(events[0].event_type.as_str(), "account-opened");
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(example())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    log: Arc<Mutex<Log>>,
    wakeups: WakeupSource,
    poll_interval: Duration,
    coding: PayloadCoding,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes an empty log.
    pub fn new() -> Self {
        Self {
            log: Arc::default(),
            wakeups: WakeupSource::default(),
            poll_interval: POLL_INTERVAL_DEFAULT,
            coding: PayloadCoding::none(),
        }
    }

    /// Sets how long [`EventStore::wakeups`] of this handle and its clones wait without a hint; 1 s unless
    /// told otherwise.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Sets the codec of this handle and of its clones; the log holds what it makes of payloads.
    #[must_use]
    pub fn with_codec(self, coding: PayloadCoding) -> Self {
        Self { coding, ..self }
    }

    /// From now on refuses an event id that the log holds already, in any stream, as a PostgreSQL log does
    /// after `annals.require_unique_event_ids()`.
    pub fn require_unique_event_ids(&self) {
        self.log().unique_event_ids = true;
    }

    fn opened(&self, events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        events.into_iter().map(|event| self.coding.open(event)).collect()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nothing panics while it holds the log")
    }
}

impl EventStore for MemoryStore {
    async fn append(&self, request: Append) -> Result<Appended, AppendError> {
        let appended = append(&mut self.log(), self.coding.seal(request)?)?;
        if !appended.is_empty() && !appended.already_applied {
            self.wakeups.wake();
        }
        Ok(appended)
    }

    async fn append_many(&self, request: AppendMany) -> Result<AppendedMany, AppendError> {
        let appended = append_many(&mut self.log(), self.coding.seal_many(request)?)?;
        if !appended.streams.is_empty() && !appended.already_applied {
            self.wakeups.wake();
        }
        Ok(appended)
    }

    async fn append_decisions(&self, request: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        let appended = append_decisions(&mut self.log(), self.coding.seal_decisions(request)?)?;
        self.wakeups.wake();
        Ok(appended)
    }

    async fn claim_holder(&self, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
        Ok(claims::find(&self.log(), claim).map(|held| held.holder))
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        Ok(cancel(&mut self.log(), key))
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        find(&self.log(), key, fingerprint)
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        find_many(&self.log(), key, fingerprint)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let events = read_stream(&self.log(), stream, query)?;
        Ok(self.opened(events))
    }

    async fn read_log(&self, query: LogQuery) -> Result<LogPage, ReadError> {
        let page = read_log(&self.log(), &query)?;
        Ok(LogPage { events: self.opened(page.events), ..page })
    }

    async fn stream_info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        stream_info(&self.log(), stream)
    }

    async fn list_streams(&self, query: StreamListQuery) -> Result<Vec<StreamInfo>, ReadError> {
        Ok(list_streams(&self.log(), &query))
    }

    fn wakeups(&self) -> Wakeups {
        self.wakeups.subscribe(self.poll_interval)
    }
}

impl SnapshotStore for MemoryStore {
    async fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> Result<SnapshotTail, ReadError> {
        let SnapshotTail { snapshot, tail } = read_from_snapshot(&self.log(), stream, kind, up_to, limit)?;
        let snapshot = snapshot.map(|stored| self.coding.open_snapshot(stream, kind, stored));
        Ok(SnapshotTail { snapshot, tail: StreamTail { events: self.opened(tail.events), ..tail } })
    }

    async fn write_snapshot(&self, new: NewSnapshot, keep: u32) -> Result<bool, SnapshotError> {
        let new = self.coding.seal_snapshot(new)?;
        Ok(write_snapshot(&mut self.log(), new, keep))
    }

    async fn prune_snapshots(&self, kind: &SnapshotKind) -> Result<u64, SnapshotError> {
        Ok(prune_snapshots(&mut self.log(), kind))
    }
}

impl StreamRetention for MemoryStore {
    async fn delete_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        delete(&mut self.log(), &deletion)
    }

    async fn truncate_stream(&self, deletion: Deletion, before: Version) -> Result<Deleted, DeletionError> {
        truncate(&mut self.log(), &deletion, before)
    }

    async fn tombstone_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        tombstone(&mut self.log(), &deletion)
    }

    async fn scrub_batch(&self, request: &Scrub) -> Result<Scrubbed, ScrubError> {
        scrub(&mut self.log(), request)
    }
}

impl ClaimRegistry for MemoryStore {
    async fn find_claim(&self, claim: &Claim) -> Result<Option<HeldClaim>, ReadError> {
        Ok(claims::find(&self.log(), claim))
    }

    async fn release_claim(&self, release: ClaimRelease) -> Result<HeldClaim, ClaimReleaseError> {
        claims::release(&mut self.log(), release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::NewEvent;
    use crate::version::ExpectedVersion;
    use crate::wakeup::WokenBy;

    fn happened() -> Append {
        Append::to("thing-1".parse().unwrap(), [NewEvent::new("happened", &1).unwrap()])
    }

    /// A store whose readers only wake up through hints: without one the test would hang, not pass late.
    fn store() -> MemoryStore {
        MemoryStore::new().with_poll_interval(Duration::from_secs(3600))
    }

    #[tokio::test]
    async fn an_append_wakes_readers_that_waited_or_wait_next() {
        let store = store();
        let mut hints = store.wakeups();

        store.clone().append(happened()).await.unwrap();

        assert_eq!(hints.next().await, WokenBy::Notification);
    }

    #[tokio::test]
    async fn an_append_that_stores_nothing_wakes_nobody() {
        let store = store();
        let retried = happened().expecting(ExpectedVersion::NoStream);
        store.append(retried.clone()).await.unwrap();
        let mut hints = store.clone().with_poll_interval(Duration::ZERO).wakeups();

        store.append(retried).await.unwrap();
        store.append(Append::to("thing-1".parse().unwrap(), [])).await.unwrap();
        store.append(happened().expecting(Version::NONE)).await.expect_err("the stream exists");

        assert_eq!(hints.next().await, WokenBy::Poll);
    }
}
