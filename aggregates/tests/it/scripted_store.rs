//! A log that counts what is read, and meets the appends in its script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use annals_eventstore::{
    Append, AppendError, AppendMany, Appended, AppendedMany, Cancellation, EventStore, Fingerprint,
    IdempotencyKey, LogPage, LogQuery, MemoryStore, ReadError, RecordedEvent, StreamInfo, StreamListQuery,
    StreamName, StreamQuery, Wakeups,
};

/// What happens to one append.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another process appends right before.
    After(Append),
    /// It is stored, and the answer is lost.
    StoredAndLost,
    /// It never arrives, and so no answer comes either.
    Lost,
    /// It fails without being stored.
    Failed(AppendError),
}

/// A log in memory; an append that finds no step in the script goes as it should.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScriptedStore {
    log: MemoryStore,
    script: Arc<Mutex<VecDeque<Step>>>,
    appends: Arc<AtomicUsize>,
    events_read: Arc<AtomicUsize>,
    largest_page: Arc<AtomicUsize>,
}

impl ScriptedStore {
    pub(crate) fn with(script: impl IntoIterator<Item = Step>) -> Self {
        let store = Self::default();
        store.then(script);
        store
    }

    pub(crate) fn then(&self, script: impl IntoIterator<Item = Step>) {
        self.script.lock().expect("script").extend(script);
    }

    /// How many appends arrived here, whatever became of them.
    pub(crate) fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }

    /// How many events were read from streams since this was last asked.
    pub(crate) fn take_events_read(&self) -> usize {
        self.events_read.swap(0, Ordering::SeqCst)
    }

    pub(crate) fn largest_page(&self) -> usize {
        self.largest_page.load(Ordering::SeqCst)
    }

    /// Every event in the log.
    pub(crate) async fn all(&self) -> Vec<RecordedEvent> {
        let page = self.log.read_log(LogQuery::after(Default::default()).limit(usize::MAX)).await;
        page.expect("a log in memory can be read").events
    }
}

fn unknown(append: &Append) -> AppendError {
    AppendError::OutcomeUnknown(append.stream.clone(), "connection reset".into())
}

impl EventStore for ScriptedStore {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let step = self.script.lock().expect("script").pop_front();
        match step {
            None => self.log.append(append).await,
            Some(Step::After(rival)) => {
                self.log.append(rival).await.expect("the other process is not refused");
                self.log.append(append).await
            }
            Some(Step::StoredAndLost) => {
                let lost = unknown(&append);
                self.log.append(append).await?;
                Err(lost)
            }
            Some(Step::Lost) => Err(unknown(&append)),
            Some(Step::Failed(failure)) => Err(failure),
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        let page = self.log.read_stream(stream, query).await?;
        self.events_read.fetch_add(page.len(), Ordering::SeqCst);
        self.largest_page.fetch_max(page.len(), Ordering::SeqCst);
        Ok(page)
    }

    async fn append_many(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let step = self.script.lock().expect("script").pop_front();
        let lost = AppendError::OutcomeUnknown(append.streams[0].stream.clone(), "connection reset".into());
        match step {
            None => self.log.append_many(append).await,
            Some(Step::After(rival)) => {
                self.log.append(rival).await.expect("the other process is not refused");
                self.log.append_many(append).await
            }
            Some(Step::StoredAndLost) => self.log.append_many(append).await.and(Err(lost)),
            Some(Step::Lost) => Err(lost),
            Some(Step::Failed(failure)) => Err(failure),
        }
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        self.log.cancel_key(key).await
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        self.log.find_append_many(key, fingerprint).await
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        self.log.find_append(key, fingerprint).await
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
