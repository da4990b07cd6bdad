//! A store that tells what passes through it, and lets others in before an append.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use annals::eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Appended, AppendedDecisions, AppendedMany,
    Cancellation, Claim, EventStore, Fingerprint, IdempotencyKey, LogPage, LogQuery, NewSnapshot,
    PostgresStore, ReadError, RecordedEvent, SnapshotError, SnapshotKind, SnapshotStore, SnapshotTail,
    StreamInfo, StreamListQuery, StreamName, StreamQuery, StreamTail, Version, Wakeups,
};

use super::record::Record;

/// What happens before an append is sent.
pub(super) type BeforeAppend = Arc<dyn Fn(Append) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A log whose conflicts and snapshots are counted.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) log: PostgresStore,
    record: Arc<Record>,
    before_append: Option<BeforeAppend>,
}

impl Watched {
    pub(super) fn new(log: PostgresStore, record: Arc<Record>) -> Self {
        Self { log, record, before_append: None }
    }

    pub(super) fn before_append(self, before_append: BeforeAppend) -> Self {
        Self { before_append: Some(before_append), ..self }
    }

    fn told<T>(&self, answer: Result<T, AppendError>) -> Result<T, AppendError> {
        if let Err(AppendError::WrongVersion { .. }) = &answer {
            self.record.count("conflicts");
        }
        answer
    }
}

impl EventStore for Watched {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if let Some(before_append) = &self.before_append {
            before_append(append.clone()).await;
        }
        self.told(self.log.append(append).await)
    }

    async fn append_decisions(&self, append: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        if append.decisions.len() > 1 {
            self.record.count("appends of several commands");
        }
        self.told(self.log.append_decisions(append).await)
    }

    async fn append_many(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        self.log.append_many(append).await
    }

    async fn claim_holder(&self, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
        self.log.claim_holder(claim).await
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        self.log.cancel_key(key).await
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        self.log.find_append(key, fingerprint).await
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        self.log.find_append_many(key, fingerprint).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read_stream(stream, query).await
    }

    async fn read_tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<StreamTail, ReadError> {
        self.log.read_tail(stream, after, limit).await
    }

    async fn read_log(&self, query: LogQuery) -> Result<LogPage, ReadError> {
        self.log.read_log(query).await
    }

    async fn stream_info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        self.log.stream_info(stream).await
    }

    async fn list_streams(&self, query: StreamListQuery) -> Result<Vec<StreamInfo>, ReadError> {
        self.log.list_streams(query).await
    }

    fn wakeups(&self) -> Wakeups {
        self.log.wakeups()
    }
}

impl SnapshotStore for Watched {
    async fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> Result<SnapshotTail, ReadError> {
        let read = self.log.read_from_snapshot(stream, kind, up_to, limit).await;
        if read.as_ref().is_ok_and(|read| read.snapshot.is_some()) {
            self.record.count("loads from a snapshot");
        }
        read
    }

    async fn write_snapshot(&self, snapshot: NewSnapshot, keep: u32) -> Result<bool, SnapshotError> {
        self.log.write_snapshot(snapshot, keep).await
    }

    async fn prune_snapshots(&self, kind: &SnapshotKind) -> Result<u64, SnapshotError> {
        self.log.prune_snapshots(kind).await
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}
