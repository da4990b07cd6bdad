//! The slot loop: events into a handler, batch by batch, each in the transaction of its checkpoint.
//!
//! Guarantees: what a handler writes through its transaction is applied exactly once. The checkpoint is
//! written last, in the same transaction, and only while this loop owns it; a batch whose commit went
//! unanswered is looked up before anything is repeated.
//!
//! `claimed -> reading -> applying -> reading … -> stopped`
//!
//! Leaves to others: who runs which slot, what to do when it stops, reading the log (`tailer`).

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, watch};
use tokio_postgres::IsolationLevel;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::checkpoint::{CheckpointError, ClaimedCheckpoint};
use super::observed_batch::BatchObserver;
use super::slot_error::SlotError;
use super::store::PostgresStore;
use crate::checkpoint::Checkpoint;
use crate::event::RecordedEvent;
use crate::filter::EventFilter;
use crate::handler::{Batch, Errand, EventHandler};
use crate::position::GlobalPosition;
use crate::tailer::{EventPage, StartAt, StopReason, Tailer};
use crate::telemetry::{PAUSES, Pause, Stopwatch};

/// The longest pause before a batch is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Tells which events a handler wants, of those that its filter lets through.
pub type Selector = Box<dyn Fn(&RecordedEvent) -> bool + Send + Sync>;

/// One slot of a consumer, ready to run.
pub struct Slot<H> {
    tailer: Tailer<PostgresStore>,
    read_models: Pool,
    checkpoint: ClaimedCheckpoint,
    handler: H,
    filter: EventFilter,
    wants: Selector,
    errands: Arc<Notify>,
    progress: watch::Sender<GlobalPosition>,
    observer: BatchObserver,
}

impl<H> std::fmt::Debug for Slot<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

impl<H: EventHandler> Slot<H> {
    /// Puts a handler behind a claimed checkpoint. It is fed by the tailer that the whole process shares
    /// ([`PostgresStore::tailer`]), unless [`Slot::fed_by`] names another.
    pub fn new(
        store: &PostgresStore,
        read_models: Pool,
        checkpoint: ClaimedCheckpoint,
        handler: H,
        wants: Selector,
    ) -> Self {
        let progress = watch::Sender::new(checkpoint.checkpoint().position);
        let observer = BatchObserver::of(checkpoint.consumer(), checkpoint.partition());
        let (tailer, filter) = (store.tailer(), EventFilter::all());
        let errands = Arc::default();
        Self { tailer, read_models, checkpoint, handler, filter, wants, errands, progress, observer }
    }

    /// Takes events from a tailer of the same log, which reads once for all who are subscribed to it.
    #[must_use]
    pub fn fed_by(self, tailer: Tailer<PostgresStore>) -> Self {
        Self { tailer, ..self }
    }

    /// Takes only events that pass a filter; the checkpoint moves past others.
    #[must_use]
    pub fn filtered(self, filter: EventFilter) -> Self {
        Self { filter, ..self }
    }

    /// Lets the handler run errands ([`EventHandler::run_errand`]) between batches, each time this is notified.
    #[must_use]
    pub fn with_errands(self, errands: Arc<Notify>) -> Self {
        Self { errands, ..self }
    }

    /// Returns how far the slot has come, for whoever waits for a position.
    pub fn progress(&self) -> watch::Receiver<GlobalPosition> {
        self.progress.subscribe()
    }

    /// Runs until it is told to stop, finishing the batch at hand.
    ///
    /// Transient faults are retried for as long as it takes, with growing pauses.
    ///
    /// # Errors
    ///
    /// [`SlotError`] for everything that waiting does not mend.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Checkpoint, SlotError> {
        let mut pauses = pauses();
        loop {
            let before = self.checkpoint.checkpoint().position;
            match self.follow(&stop).await {
                Ok(()) => return Ok(self.checkpoint.checkpoint()),
                Err(error) if error.is_transient() => {
                    if self.checkpoint.checkpoint().position > before {
                        pauses = self::pauses();
                    }
                    let pause = pauses.next().unwrap_or(PAUSE_MAX);
                    PAUSES.count(Pause::Slot);
                    warn!(%error, ?pause, "slot waits before it tries again");
                    if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                        return Ok(self.checkpoint.checkpoint());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Follows the log from the checkpoint until it is told to stop or fails.
    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), SlotError> {
        self.checkpoint.reload(&self.read_models).await?;
        let begin = StartAt::Cursor(self.checkpoint.checkpoint().cursor());
        let subscribed = self.tailer.subscribe(begin, self.filter.clone()).await;
        let mut subscription = subscribed.map_err(StopReason::of)?;
        let errands = Arc::clone(&self.errands);
        loop {
            let page = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = errands.notified() => {
                    while !stop.is_cancelled() && self.run_errand().await? {}
                    continue;
                }
                page = subscription.next() => page?,
            };
            let observation = self.observer.begin(&page);
            let applied = self.apply(&page).instrument(observation.span()).await;
            observation.ended(&page, &applied);
            applied?;
        }
    }

    /// Lets the handler do what it is asked for, under the right to the slot; tells whether there may be more.
    async fn run_errand(&mut self) -> Result<bool, SlotError> {
        let mut client = self.read_models.get().await.map_err(CheckpointError::from)?;
        let transaction =
            client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
        let (partition, epoch) = (self.checkpoint.partition(), self.checkpoint.epoch());
        let here = self.checkpoint.checkpoint();
        let errand = Errand { transaction: &transaction, partition, epoch };
        let more = match self.handler.run_errand(errand).await {
            Ok(more) => more,
            Err(source) => {
                drop(transaction);
                drop(client);
                self.checkpoint.reload(&self.read_models).await?;
                return Err(SlotError::Handler { from: here.position, to: here.position, source });
            }
        };
        // It moves nowhere, and is refused to whoever was overtaken.
        let moved = self.checkpoint.advance(&transaction, here.cursor()).await?;
        transaction.commit().await?;
        self.checkpoint.moved(moved);
        Ok(more)
    }

    /// Applies one page and moves the checkpoint, in one transaction; returns how many events were wanted.
    async fn apply(&mut self, page: &EventPage) -> Result<usize, SlotError> {
        let woken_by = page.woken_by();
        let wanted = |event: &&RecordedEvent| (self.wants)(event);
        let events: Vec<RecordedEvent> = page.events().filter(wanted).cloned().collect();

        let mut client = self.read_models.get().await.map_err(CheckpointError::from)?;
        let transaction =
            client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
        if let (Some(first), Some(end)) = (events.first(), events.last()) {
            let batch = Batch {
                events: &events,
                transaction: &transaction,
                partition: self.checkpoint.partition(),
                epoch: self.checkpoint.epoch(),
                woken_by,
            };
            let (from, to) = (first.position, end.position);
            if let Err(source) = self.handler.handle(batch).await {
                drop(transaction);
                drop(client);
                // An owner that was overtaken trips over its successor's rows: then that is the reason.
                self.checkpoint.reload(&self.read_models).await?;
                return Err(SlotError::Handler { from, to, source });
            }
        }
        // The last statement: had the handler left the transaction aborted, this fails, and nothing commits.
        let moved = self.checkpoint.advance(&transaction, page.cursor()).await?;
        let stopwatch = Stopwatch::start();
        transaction.commit().await?;
        self.observer.committed(stopwatch);
        self.checkpoint.moved(moved);
        self.progress.send_replace(moved.position);
        debug!(events = events.len(), position = %moved.position, ?woken_by, "batch applied");
        Ok(events.len())
    }
}

/// Growing pauses, begun anew after every step forward.
fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
    pauses.with_max_delay(PAUSE_MAX).with_jitter().without_max_times().build()
}
