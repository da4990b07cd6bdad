//! The PostgreSQL store: a hub that knows its parts and leaves the work to them.

use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock};

use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio_postgres::Transaction;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::append_within::append_within;
use super::config::StoreConfig;
use super::connect::pool;
use super::fault::unsent_append;
use super::fence_blockers::{self, FenceBlocker};
use super::fence_watch::FenceWatch;
use super::head_publisher::{GrownLog, HeadPublisher};
use super::idle_limit::IdleLimit;
use super::listen::Listener;
use super::open::{OpenError, examine};
use super::resolve::resolved;
use super::send::Manner;
use super::session::Session;
use super::statements::Statements;
use super::wake::{WakeSender, Waker, waking};
use super::wakeup_state::{WakeupState, listen_options};
use super::{
    append, append_many, claim, decisions, deletion, observed_append, observed_read, read, snapshot, tail,
};
use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, Cancellation};
use crate::checkpoint::Lineage;
use crate::claim::Claim;
use crate::claim_registry::ClaimRegistry;
use crate::claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
use crate::decisions::{AppendDecisions, AppendedDecisions};
use crate::deletion::{Deleted, Deletion, DeletionError, Scrub, ScrubError, Scrubbed};
use crate::event::RecordedEvent;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::read::{
    Direction, LogPage, LogQuery, ReadError, StreamInfo, StreamListQuery, StreamQuery, StreamTail,
};
use crate::retention::StreamRetention;
use crate::snapshot::{NewSnapshot, SnapshotError, SnapshotKind, SnapshotTail};
use crate::snapshot_store::SnapshotStore;
use crate::store::{EventStore, TransactionalStore};
use crate::stream::StreamName;
use crate::tailer::{Tailer, WeakTailer};
use crate::telemetry::AppendScope;
use crate::version::Version;
use crate::wakeup::{WakeupSource, Wakeups};

/// A log in PostgreSQL 15 or later. Cheap to clone; all clones share one pool.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::{EventStore, PostgresStore};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://localhost/shop").await?;
/// let account = store.stream_info(&"account-7".parse()?).await?;
/// println!("{} events", account.version);
/// store.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PostgresStore(Arc<Inner>);

/// What the verbs share.
#[derive(Debug)]
struct Inner {
    session: Session,
    config: StoreConfig,
    lineage: Lineage,
    waker: OnceLock<Waker>,
    grown: OnceLock<GrownLog>,
    hints: OnceLock<WakeupSource>,
    tailer: Mutex<WeakTailer<PostgresStore>>,
    wakeup_state: watch::Sender<WakeupState>,
    fence_watch: Arc<FenceWatch>,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends the tasks when the last clone goes without [`PostgresStore::close`].
    _stop_on_drop: DropGuard,
}

impl PostgresStore {
    /// Opens the log in the schema `annals` behind a connection string.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`].
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::open(StoreConfig::new(url.parse()?)).await
    }

    /// Opens a log: connects once and checks that server, schema and sequence are fit for use.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is not, and what to do.
    pub async fn open(config: StoreConfig) -> Result<Self, OpenError> {
        config.validate()?;
        let idle_limit = IdleLimit::new(config.idle_in_transaction_timeout);
        // One snapshot for a whole transaction would hide late commits from readers of the log.
        // A pooler takes no settings of a session; there every transaction says it for itself.
        let (connect, manner) = match config.connect.is_pooled() {
            true => (config.connect.clone(), Manner::Pooled(idle_limit)),
            false => {
                let setting = ("default_transaction_isolation", "read committed");
                let connect = config.connect.clone().with_setting(setting.0, setting.1);
                (idle_limit.for_session(connect), Manner::Prepared)
            }
        };
        let pool = pool(&connect, config.pool);
        let (statements, answer_timeout) = (Arc::new(Statements::new(&config.schema)), config.answer_timeout);
        let coding = config.codec.clone();
        let session = Session { pool, statements, manner, answer_timeout, coding };
        let lineage = examine(&session, &config.schema).await?;
        let unheard = listen_options(&config).map_or(WakeupState::Off, |_| WakeupState::Unstarted);
        let stop = CancellationToken::new();
        let fence_watch = Arc::new(FenceWatch::new(session.clone(), config.held_back_warning));
        Ok(Self(Arc::new(Inner {
            session,
            fence_watch,
            wakeup_state: watch::Sender::new(unheard),
            config,
            lineage,
            waker: OnceLock::new(),
            grown: OnceLock::new(),
            hints: OnceLock::new(),
            tailer: Mutex::default(),
            tasks: TaskTracker::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        })))
    }

    /// Appends inside the caller's own transaction on the log's database.
    ///
    /// The receipt proves nothing before the caller's commit. Call [`PostgresStore::wake`] after it.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the transaction is then aborted, up to its last savepoint. [`AppendError::Unavailable`] also where
    /// the server has ended it, because it did nothing for too long
    /// ([`StoreConfig::idle_in_transaction_timeout`]): nothing was written.
    pub async fn append_in(
        &self,
        transaction: &Transaction<'_>,
        append: Append,
    ) -> Result<Appended, AppendError> {
        if append.events.is_empty() {
            return Ok(Appended::NOTHING);
        }
        let Session { statements, manner, coding, .. } = &self.0.session;
        let append = coding.seal(append)?;
        let call = append_within(*manner, transaction, append::append_in(transaction, statements, &append));
        observed_append::append(&append, AppendScope::Caller, Box::pin(call)).await
    }

    /// Appends to several streams inside the caller's own transaction on the log's database.
    ///
    /// The receipt proves nothing before the caller's commit. Call [`PostgresStore::wake`] after it.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; the transaction is then aborted, up to its last savepoint. [`AppendError::Unavailable`] also where
    /// the server has ended it, because it did nothing for too long
    /// ([`StoreConfig::idle_in_transaction_timeout`]): nothing was written.
    pub async fn append_many_in(
        &self,
        transaction: &Transaction<'_>,
        append: AppendMany,
    ) -> Result<AppendedMany, AppendError> {
        let append = append.checked()?;
        if append.streams.is_empty() {
            return Ok(AppendedMany::from_streams(Vec::new()));
        }
        let Session { statements, manner, coding, .. } = &self.0.session;
        let append = coding.seal_many(append)?;
        let send = append_many::append_many_in(transaction, statements, &append);
        let call = append_within(*manner, transaction, send);
        observed_append::append_many(&append, AppendScope::Caller, Box::pin(call)).await
    }

    /// Wakes subscribers in every process, soon. Appends outside of a caller's transaction do it themselves.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// Returns the tailer that all clones of this store share: one reader of the log for every subscription of the
    /// process. It lives as long as somebody has it or is subscribed to it; after it was stopped, or nobody had
    /// it any more, the next call makes another one.
    ///
    /// # Panics
    ///
    /// Never: nothing panics while it holds the lock.
    pub fn tailer(&self) -> Tailer<Self> {
        let mut shared = self.0.tailer.lock().expect("nothing panics while it holds the tailer");
        match shared.upgrade() {
            Some(tailer) if !tailer.is_stopped() => tailer,
            _ => {
                let tailer = Tailer::of(self.clone());
                *shared = tailer.downgrade();
                tailer
            }
        }
    }

    /// Returns whether wake-ups arrive at this store's readers, and watches it.
    ///
    /// Nobody listens before the first reader has asked for wake-ups; [`check_wakeups`](super::check_wakeups) finds
    /// out without one.
    pub fn wakeup_state(&self) -> watch::Receiver<WakeupState> {
        self.0.wakeup_state.subscribe()
    }

    /// Lists the open appends that readers may have to wait for, the lowest mark first; see [`FenceBlocker`].
    ///
    /// A store whose readers are held back lists them by itself, tells metrics, and warns of those that stay
    /// ([`StoreConfig::held_back_warning`]).
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    pub async fn fence_blockers(&self) -> Result<Vec<FenceBlocker>, ReadError> {
        fence_blockers::fence_blockers(&self.0.session).await
    }

    /// Returns which log this was when the store was opened. A repair makes another one of it; checkpoints are claimed
    /// on the one it is then.
    pub fn lineage(&self) -> Lineage {
        self.0.lineage
    }

    /// Returns how the store was set up.
    pub fn config(&self) -> &StoreConfig {
        &self.0.config
    }

    /// Returns the pool, for read models that live in the log's database.
    pub fn pool(&self) -> &Pool {
        &self.0.session.pool
    }

    /// Looks once more whether the log can be reached, its schema is as this program needs it and it takes events, as
    /// opening does: for whoever has to tell whether a program is ready.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what is not, and what to do.
    pub async fn require_fit(&self) -> Result<(), OpenError> {
        examine(&self.0.session, &self.0.config.schema).await.map(drop)
    }

    /// Sends the last wake-up, publishes the head, ends the background tasks and closes the pool. Other clones stop working.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.session.pool.close();
    }

    pub(super) fn statements(&self) -> &Arc<Statements> {
        &self.0.session.statements
    }

    pub(super) fn manner(&self) -> Manner {
        self.0.session.manner
    }
}

impl EventStore for PostgresStore {
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        if append.events.is_empty() {
            return Ok(Appended::NOTHING);
        }
        let session = &self.0.session;
        let append = session.coding.seal(append)?;
        let send = || async {
            let client = session.client().await.map_err(unsent_append)?;
            append::append(session, &client, &append).await
        };
        let call = resolved(session, append.is_repeatable(), send);
        let appended = observed_append::append(&append, AppendScope::Own, Box::pin(call)).await?;
        self.wake();
        Ok(appended)
    }

    async fn append_many(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        let append = append.checked()?;
        if append.streams.is_empty() {
            return Ok(AppendedMany::from_streams(Vec::new()));
        }
        let session = &self.0.session;
        let append = session.coding.seal_many(append)?;
        let send = || async {
            let client = session.client().await.map_err(unsent_append)?;
            append_many::append_many(session, &client, &append).await
        };
        let call = resolved(session, append.is_repeatable(), send);
        let appended = observed_append::append_many(&append, AppendScope::Own, Box::pin(call)).await?;
        if !appended.streams.is_empty() {
            self.wake();
        }
        Ok(appended)
    }

    async fn append_decisions(&self, append: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        let append = append.checked()?;
        let session = &self.0.session;
        let append = session.coding.seal_decisions(append)?;
        let send = || async {
            let client = session.client().await.map_err(unsent_append)?;
            decisions::append_decisions(session, &client, &append).await
        };
        let call = Box::pin(resolved(session, true, send));
        let appended = observed_append::append_decisions(&append, AppendScope::Own, call).await?;
        self.wake();
        Ok(appended)
    }

    fn claim_holder(
        &self,
        claim: &Claim,
    ) -> impl Future<Output = Result<Option<StreamName>, ReadError>> + Send {
        claim::claim_holder(&self.0.session, claim)
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        append_many::cancel_key(&self.0.session, key).await
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        let client = self.0.session.client().await.map_err(unsent_append)?;
        append::find_append(&self.0.session, &client, key, fingerprint).await
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        append_many::find_append_many(&self.0.session, key, fingerprint).await
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, ReadError>> + Send {
        observed_read::read_stream(stream, Box::pin(read::read_stream(&self.0.session, stream, query)))
    }

    fn read_tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        observed_read::read_tail(
            stream,
            after,
            Box::pin(tail::read_tail(&self.0.session, stream, after, limit)),
        )
    }

    async fn read_log(&self, query: LogQuery) -> Result<LogPage, ReadError> {
        let (from, direction) = (query.from, query.direction);
        let Inner { session, fence_watch, tasks, stop, .. } = &*self.0;
        let page = observed_read::read_log(from, direction, Box::pin(read::read_log(session, query))).await?;
        if direction == Direction::Forward {
            fence_watch.seen(page.held_back, tasks, stop);
            if let Some(grown) = self.0.grown() {
                grown.settled(page.head);
            }
        }
        Ok(page)
    }

    fn stream_info(&self, stream: &StreamName) -> impl Future<Output = Result<StreamInfo, ReadError>> + Send {
        observed_read::stream_info(stream, Box::pin(read::stream_info(&self.0.session, stream)))
    }

    async fn list_streams(&self, query: StreamListQuery) -> Result<Vec<StreamInfo>, ReadError> {
        observed_read::list_streams(Box::pin(read::list_streams(&self.0.session, &query))).await
    }

    fn wakeups(&self) -> Wakeups {
        self.0.hints().subscribe(self.0.config.poll_interval)
    }
}

impl TransactionalStore for PostgresStore {
    type Transaction<'t> = Transaction<'t>;

    fn append_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: Append,
    ) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        self.append_in(transaction, append)
    }

    fn append_many_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: AppendMany,
    ) -> impl Future<Output = Result<AppendedMany, AppendError>> + Send {
        self.append_many_in(transaction, append)
    }

    async fn append_decisions_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: AppendDecisions,
    ) -> Result<AppendedDecisions, AppendError> {
        let append = append.checked()?;
        let Session { statements, manner, coding, .. } = &self.0.session;
        let append = coding.seal_decisions(append)?;
        let send = decisions::append_decisions_in(transaction, statements, &append);
        let call = append_within(*manner, transaction, send);
        observed_append::append_decisions(&append, AppendScope::Caller, Box::pin(call)).await
    }

    fn find_append_in(
        &self,
        transaction: &Self::Transaction<'_>,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<Appended>, AppendError>> + Send {
        append::find_append_in(transaction, &self.0.session.statements, key, fingerprint)
    }

    fn read_tail_in(
        &self,
        transaction: &Self::Transaction<'_>,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        let read = tail::read_tail_in(transaction, &self.0.session, stream, after, limit);
        observed_read::read_tail(stream, after, Box::pin(read))
    }

    fn wake(&self) {
        self.wake();
    }
}

impl SnapshotStore for PostgresStore {
    fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> impl Future<Output = Result<SnapshotTail, ReadError>> + Send {
        snapshot::read_from_snapshot(&self.0.session, stream, kind, up_to, limit)
    }

    async fn write_snapshot(&self, new: NewSnapshot, keep: u32) -> Result<bool, SnapshotError> {
        snapshot::write_snapshot(&self.0.session, new, keep).await
    }

    fn prune_snapshots(
        &self,
        kind: &SnapshotKind,
    ) -> impl Future<Output = Result<u64, SnapshotError>> + Send {
        snapshot::prune_snapshots(&self.0.session, kind)
    }
}

impl StreamRetention for PostgresStore {
    async fn delete_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        deletion::delete_stream(&self.0.session, &deletion).await
    }

    async fn truncate_stream(&self, deletion: Deletion, before: Version) -> Result<Deleted, DeletionError> {
        deletion::truncate_stream(&self.0.session, &deletion, before).await
    }

    async fn tombstone_stream(&self, deletion: Deletion) -> Result<Deleted, DeletionError> {
        deletion::tombstone_stream(&self.0.session, &deletion).await
    }

    fn scrub_batch(&self, scrub: &Scrub) -> impl Future<Output = Result<Scrubbed, ScrubError>> + Send {
        deletion::scrub_batch(&self.0.session, scrub)
    }
}

impl ClaimRegistry for PostgresStore {
    fn find_claim(&self, claim: &Claim) -> impl Future<Output = Result<Option<HeldClaim>, ReadError>> + Send {
        claim::find_claim(&self.0.session, claim)
    }

    async fn release_claim(&self, release: ClaimRelease) -> Result<HeldClaim, ClaimReleaseError> {
        claim::release_claim(&self.0.session, &release).await
    }
}

impl Inner {
    /// Tells the publisher of the head, and signals the sender of wake-ups, starting it with the first append.
    fn wake(&self) {
        if let Some(grown) = self.grown() {
            grown.appended();
        }
        if !self.config.notify {
            return;
        }
        let waker = self.waker.get_or_init(|| {
            let waker = Waker::default();
            let sender = WakeSender {
                waker: waker.clone(),
                options: self.config.connect.clone(),
                statement: waking(&self.session.statements.wake),
                window: self.config.notify_window,
                stop: self.stop.clone(),
            };
            self.tasks.spawn(sender.run());
            waker
        });
        waker.signal();
    }

    /// Returns what tells the publisher of the head, starting it with the first append or reader; none where nothing is
    /// to be published.
    fn grown(&self) -> Option<&GrownLog> {
        let interval = self.config.publish_head?;
        Some(self.grown.get_or_init(|| {
            let grown = GrownLog::default();
            let (session, stop) = (self.session.clone(), self.stop.clone());
            self.tasks.spawn(HeadPublisher { grown: grown.clone(), session, interval, stop }.run());
            grown
        }))
    }

    /// Returns the source of hints, starting the listener with the first reader that asks.
    fn hints(&self) -> &WakeupSource {
        self.hints.get_or_init(|| {
            let hints = WakeupSource::default();
            if let Some(options) = listen_options(&self.config) {
                let listener = Listener {
                    options,
                    state: self.wakeup_state.clone(),
                    schema: self.config.schema.clone(),
                    hints: hints.clone(),
                    heartbeat: self.config.heartbeat,
                    stop: self.stop.clone(),
                };
                self.tasks.spawn(listener.run());
            }
            hints
        })
    }
}
