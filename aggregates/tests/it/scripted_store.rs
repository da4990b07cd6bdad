//! A log that counts what is read, and meets the appends in its script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Appended, AppendedDecisions, AppendedMany,
    Cancellation, Claim, EventStore, Fingerprint, IdempotencyKey, LogPage, LogQuery, MemoryStore,
    NewSnapshot, Payload, ReadError, RecordedEvent, SnapshotError, SnapshotKind, SnapshotStore, SnapshotTail,
    StreamInfo, StreamListQuery, StreamName, StreamQuery, StreamTail, Version, Wakeups,
};
use tokio::sync::Semaphore;

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

/// What goes wrong with snapshots.
#[derive(Debug, Clone, Default)]
pub(crate) enum SnapshotTrouble {
    #[default]
    Nothing,
    /// Another state is found than was written.
    Damaged,
    /// None can be written.
    Unwritable,
    /// None is written before the gate opens.
    Gate(Arc<Semaphore>),
}

/// Where appends to one stream wait: told when one arrives, and let through one by one.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    /// Waits until an append waits here.
    pub(crate) async fn until_one_arrived(&self) {
        self.arrived.acquire().await.expect("the gate is not taken away").forget();
    }

    /// Lets so many appends through.
    pub(crate) fn let_through(&self, appends: usize) {
        self.open.add_permits(appends);
    }
}

/// A log in memory; an append that finds no step in the script goes as it should.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScriptedStore {
    log: MemoryStore,
    script: Arc<Mutex<VecDeque<Step>>>,
    appends: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
    look_ups: Arc<AtomicUsize>,
    rival: Arc<Mutex<Option<Append>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    gate: Arc<Mutex<Option<Gate>>>,
    snapshots: Arc<Mutex<SnapshotTrouble>>,
    snapshots_written: Arc<AtomicUsize>,
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

    /// How many decisions each append to one stream brought.
    pub(crate) fn batches(&self) -> Vec<usize> {
        self.batches.lock().expect("batches").clone()
    }

    /// From now on appends to one stream wait at a gate.
    pub(crate) fn gated(&self) -> Gate {
        let gate = Gate { arrived: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) };
        *self.gate.lock().expect("gate") = Some(gate.clone());
        gate
    }

    async fn pass_the_gate(&self) {
        let gate = self.gate.lock().expect("gate").clone();
        if let Some(gate) = gate {
            gate.arrived.add_permits(1);
            gate.open.acquire().await.expect("the gate is not taken away").forget();
        }
    }

    /// How many reads of streams arrived here since this was last asked.
    pub(crate) fn take_reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// How many keys were looked up since this was last asked.
    pub(crate) fn take_look_ups(&self) -> usize {
        self.look_ups.swap(0, Ordering::SeqCst)
    }

    /// Lets another process append right before the next read, when everybody else has had a turn.
    pub(crate) fn append_before_the_next_read(&self, rival: Append) {
        *self.rival.lock().expect("rival") = Some(rival);
    }

    /// From now on snapshots are in trouble.
    pub(crate) fn trouble_snapshots(&self, trouble: SnapshotTrouble) {
        *self.snapshots.lock().expect("snapshots") = trouble;
    }

    /// How many snapshots were kept.
    pub(crate) fn snapshots_written(&self) -> usize {
        self.snapshots_written.load(Ordering::SeqCst)
    }

    fn snapshot_trouble(&self) -> SnapshotTrouble {
        self.snapshots.lock().expect("snapshots").clone()
    }

    fn note_page(&self, events: usize) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.events_read.fetch_add(events, Ordering::SeqCst);
        self.largest_page.fetch_max(events, Ordering::SeqCst);
    }

    async fn let_the_rival_go_first(&self) {
        let rival = self.rival.lock().expect("rival").take();
        if let Some(rival) = rival {
            tokio::task::yield_now().await;
            self.log.append(rival).await.expect("the other process is not refused");
        }
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
        self.batches.lock().expect("batches").push(1);
        self.pass_the_gate().await;
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
        self.note_page(page.len());
        Ok(page)
    }

    async fn read_tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> Result<StreamTail, ReadError> {
        self.let_the_rival_go_first().await;
        let tail = self.log.read_tail(stream, after, limit).await;
        self.note_page(tail.as_ref().map_or(0, |tail| tail.events.len()));
        tail
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

    async fn append_decisions(&self, append: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.batches.lock().expect("batches").push(append.decisions.len());
        self.pass_the_gate().await;
        let step = self.script.lock().expect("script").pop_front();
        let lost = AppendError::OutcomeUnknown(append.stream.clone(), "connection reset".into());
        match step {
            None => self.log.append_decisions(append).await,
            Some(Step::After(rival)) => {
                self.log.append(rival).await.expect("the other process is not refused");
                self.log.append_decisions(append).await
            }
            Some(Step::StoredAndLost) => self.log.append_decisions(append).await.and(Err(lost)),
            Some(Step::Lost) => Err(lost),
            Some(Step::Failed(failure)) => Err(failure),
        }
    }

    async fn claim_holder(&self, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
        self.log.claim_holder(claim).await
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
        self.look_ups.fetch_add(1, Ordering::SeqCst);
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

impl SnapshotStore for ScriptedStore {
    async fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> Result<SnapshotTail, ReadError> {
        let mut read = self.log.read_from_snapshot(stream, kind, up_to, limit).await;
        self.note_page(read.as_ref().map_or(0, |read| read.tail.events.len()));
        if let (Ok(SnapshotTail { snapshot: Some(found), .. }), SnapshotTrouble::Damaged) =
            (&mut read, self.snapshot_trouble())
        {
            found.state = Payload::from_json(r#"{"coins":1000000,"changes":0}"#).expect("a state");
        }
        read
    }

    async fn write_snapshot(&self, new: NewSnapshot, keep: u32) -> Result<bool, SnapshotError> {
        match self.snapshot_trouble() {
            SnapshotTrouble::Unwritable => return Err(SnapshotError::Unavailable("disk full".into())),
            SnapshotTrouble::Gate(gate) => gate.acquire().await.expect("the gate is not taken away").forget(),
            SnapshotTrouble::Nothing | SnapshotTrouble::Damaged => {}
        }
        let written = self.log.write_snapshot(new, keep).await?;
        self.snapshots_written.fetch_add(usize::from(written), Ordering::SeqCst);
        Ok(written)
    }

    async fn prune_snapshots(&self, kind: &SnapshotKind) -> Result<u64, SnapshotError> {
        self.log.prune_snapshots(kind).await
    }
}
