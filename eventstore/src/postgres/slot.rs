//! The slot loop: events into a handler, batch by batch, each in the transaction of its checkpoint.
//!
//! Guarantees: what a handler writes through its transaction is applied exactly once. The checkpoint is
//! written last, in the same transaction, and only while this loop owns it; a batch whose commit went
//! unanswered is looked up before anything is repeated. Batches grow while the slot is behind, and are bounded; where
//! nothing is wanted the checkpoint follows within moments, and nothing is written for single pages.
//!
//! `claimed -> reading -> applying -> reading … -> stopped`
//!
//! Leaves to others: who runs which slot, what to do when it stops, reading the log (`tailer`).

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::IsolationLevel;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, warn};

use super::breaker::{Pass, SlotBreaker};
use super::checkpoint::{CheckpointError, ClaimedCheckpoint};
use super::loan::Loan;
use super::observed_batch::BatchObserver;
use super::slot_error::SlotError;
use super::slot_limit::SlotLimits;
use super::slot_pace::Pace;
use super::store::PostgresStore;
use crate::checkpoint::Checkpoint;
use crate::cursor::Cursor;
use crate::event::RecordedEvent;
use crate::fail_point;
use crate::filter::EventFilter;
use crate::handler::{Batch, Errand, EventHandler};
use crate::position::GlobalPosition;
use crate::read::PAGE_EVENTS_DEFAULT;
use crate::tailer::{EventPage, StartAt, StopReason, SubscriptionState, TailedSubscription, Tailer};
use crate::telemetry::{PAUSES, Pause, Stopwatch};

/// The longest pause before a batch is tried again.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// The most pages that are put together for a batch, be there ever so little wanted in them.
const BATCH_PAGES: usize = 64;

/// How long the checkpoint may stay behind while nothing is wanted. Each slot of a projection sees every page of the log,
/// and most pages have something for a few slots only.
const REST: Duration = Duration::from_millis(50);

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
    batch_events: usize,
    errands: Arc<Notify>,
    limits: Option<SlotLimits>,
    pace: Option<Arc<Pace>>,
    breaker: SlotBreaker,
    progress: watch::Sender<GlobalPosition>,
    observer: BatchObserver,
    answer_timeout: Option<Duration>,
}

/// What ended a run through the log that did not fail.
enum Followed {
    /// It was told to stop.
    Stopped,
    /// It came to its limit, and that has moved on.
    ToTheLimit,
}

/// What is wanted of one page or several.
struct Gathered {
    events: Vec<RecordedEvent>,
    first: EventPage,
    last: EventPage,
    /// Where the checkpoint goes: to the end of the last page, or to the limit of the slot before that.
    to: Cursor,
}

impl Gathered {
    /// Nothing is wanted up to here.
    fn nothing_of(page: EventPage) -> Self {
        Self { events: Vec::new(), to: page.cursor(), first: page.clone(), last: page }
    }
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
        let (batch_events, errands, breaker) = (PAGE_EVENTS_DEFAULT, Arc::default(), SlotBreaker::new());
        Self {
            tailer,
            read_models,
            checkpoint,
            handler,
            filter,
            wants,
            batch_events,
            errands,
            limits: None,
            pace: None,
            breaker,
            progress,
            observer,
            answer_timeout: store.config().answer_timeout,
        }
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

    /// Sets how many events make a batch full, [`PAGE_EVENTS_DEFAULT`] unless told otherwise: no further page is added to
    /// it. The page that fills it may bring more.
    #[must_use]
    pub fn batch_events(self, batch_events: usize) -> Self {
        Self { batch_events, ..self }
    }

    /// Lets the handler run errands ([`EventHandler::run_errand`]) between batches, each time this is notified.
    #[must_use]
    pub fn with_errands(self, errands: Arc<Notify>) -> Self {
        Self { errands, ..self }
    }

    /// Goes no further than a place in the log that others move.
    #[must_use]
    pub fn limited_by(self, limits: SlotLimits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Applies no more events a second than a pace allows, over all slots that share it.
    #[must_use]
    pub fn at_pace(self, pace: Arc<Pace>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Names the consumer otherwise in what is told of its batches: where there would be a new name again and again.
    #[must_use]
    pub fn observed_as(self, consumer: &str) -> Self {
        Self { observer: BatchObserver::named(consumer, self.checkpoint.partition()), ..self }
    }

    /// Shares a breaker with the other slots of the same database of read models: where it cannot be reached one of them
    /// asks, and the others wait.
    #[must_use]
    pub fn behind(self, breaker: SlotBreaker) -> Self {
        Self { breaker, ..self }
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
                Ok(Followed::Stopped) => return Ok(self.checkpoint.checkpoint()),
                Ok(Followed::ToTheLimit) => pauses = self::pauses(),
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
    async fn follow(&mut self, stop: &CancellationToken) -> Result<Followed, SlotError> {
        let Some(pass) = self.pass(stop).await else { return Ok(Followed::Stopped) };
        fail_point!(slot_before_reload);
        let reloaded = self.checkpoint.reload(&self.read_models).await.map_err(SlotError::from);
        pass.told(&reloaded).await;
        reloaded?;
        fail_point!(slot_after_reload);
        let begin = StartAt::Cursor(self.checkpoint.checkpoint().cursor());
        let subscribed = self.tailer.subscribe(begin, self.filter.clone()).await;
        let mut subscription = subscribed.map_err(StopReason::of)?;
        let errands = Arc::clone(&self.errands);
        // Pages in which nothing was wanted, since when: the checkpoint follows them in its own time.
        let mut passed: Option<(EventPage, Instant)> = None;
        loop {
            let rest_is_over = passed.as_ref().map(|(_, since)| *since + REST);
            let page = tokio::select! {
                biased;
                () = stop.cancelled() => None,
                () = errands.notified() => {
                    while !stop.is_cancelled() && self.run_errand(stop).await? {}
                    continue;
                }
                () = sleep_until(rest_is_over.unwrap_or_else(Instant::now)), if rest_is_over.is_some() => None,
                page = subscription.next() => Some(page?),
            };
            let Some(page) = page else {
                if let Some((page, _)) = passed.take() {
                    self.observe(&Gathered::nothing_of(page), stop).await?;
                }
                if stop.is_cancelled() {
                    return Ok(Followed::Stopped);
                }
                continue;
            };
            let gathered = self.gather(page, &mut subscription, stop).await?;
            if let Some(limit) = self.limit_before(gathered.to) {
                self.go_to(limit, gathered, stop).await?;
                drop(subscription);
                return self.wait_at_limit(stop).await;
            }
            if gathered.events.is_empty() {
                self.come_to(gathered.last.settled_to());
                let since = passed.map_or_else(Instant::now, |(_, since)| since);
                passed = Some((gathered.last, since));
            } else {
                passed = None;
                fail_point!(slot_after_read);
                self.observe_at_pace(gathered, stop).await?;
            }
        }
    }

    /// Returns the limit of the slot where it stands before a place in the log.
    fn limit_before(&self, end: Cursor) -> Option<Cursor> {
        let limit = self.limits.as_ref()?.of(self.checkpoint.partition());
        (limit.position < end.position).then_some(limit)
    }

    /// Applies what stands up to the limit, and moves the checkpoint there.
    async fn go_to(
        &mut self,
        limit: Cursor,
        mut gathered: Gathered,
        stop: &CancellationToken,
    ) -> Result<(), SlotError> {
        if limit.position <= self.checkpoint.checkpoint().position {
            return Ok(());
        }
        gathered.events.retain(|event| event.position <= limit.position);
        gathered.to = limit;
        self.observe_at_pace(gathered, stop).await
    }

    /// Applies what was gathered, in pieces where there is a pace.
    async fn observe_at_pace(
        &mut self,
        mut gathered: Gathered,
        stop: &CancellationToken,
    ) -> Result<(), SlotError> {
        let Some(pace) = self.pace.clone() else { return self.observe(&gathered, stop).await };
        let end = gathered.to;
        loop {
            let rest = gathered.events.split_off(gathered.events.len().min(pace.piece()));
            let last = gathered
                .events
                .last()
                .map(|last| Cursor { position: last.position, event_id: Some(last.id) });
            gathered.to = last.filter(|_| !rest.is_empty()).unwrap_or(end);
            self.observe(&gathered, stop).await?;
            let paid = stop.run_until_cancelled(pace.spend(gathered.events.len())).await;
            if rest.is_empty() || paid.is_none() {
                return Ok(());
            }
            gathered.events = rest;
        }
    }

    /// Waits until the limit has moved on, serving errands meanwhile.
    async fn wait_at_limit(&mut self, stop: &CancellationToken) -> Result<Followed, SlotError> {
        let (Some(mut limits), errands) = (self.limits.clone(), Arc::clone(&self.errands)) else {
            return Ok(Followed::ToTheLimit);
        };
        let (partition, here) = (self.checkpoint.partition(), self.checkpoint.checkpoint().position);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(Followed::Stopped),
                () = errands.notified() => while !stop.is_cancelled() && self.run_errand(stop).await? {},
                () = limits.beyond(partition, here) => return Ok(Followed::ToTheLimit),
            }
        }
    }

    /// Puts pages together while more are to be had without a wait, so that batches grow with what there is to catch up
    /// on, and a page of which little is wanted is no batch of its own.
    async fn gather(
        &mut self,
        first: EventPage,
        subscription: &mut TailedSubscription<PostgresStore>,
        stop: &CancellationToken,
    ) -> Result<Gathered, SlotError> {
        let mut gathered = Gathered { events: self.wanted(&first), ..Gathered::nothing_of(first) };
        for _ in 1..BATCH_PAGES {
            let is_live = matches!(*subscription.handle().state().borrow(), SubscriptionState::Live);
            let is_behind = gathered.last.settled_to() < gathered.last.head();
            if gathered.events.len() >= self.batch_events || !(is_live || is_behind) {
                break;
            }
            let page = tokio::select! {
                biased;
                page = subscription.next() => page?,
                // Whoever is live takes what waits already; whoever is behind knows that more will come.
                () = std::future::ready(()), if is_live => break,
                () = stop.cancelled() => break,
            };
            gathered.events.extend(self.wanted(&page));
            gathered.to = page.cursor();
            gathered.last = page;
        }
        Ok(gathered)
    }

    /// Clones what is wanted of a page; the rest of it is let go.
    fn wanted(&self, page: &EventPage) -> Vec<RecordedEvent> {
        page.events().filter(|event| (self.wants)(event)).cloned().collect()
    }

    /// Tells whoever waits how far everything that is wanted has been applied.
    fn come_to(&self, position: GlobalPosition) {
        self.progress.send_if_modified(|reached| {
            let is_further = position > *reached;
            *reached = position.max(*reached);
            is_further
        });
    }

    /// Waits until the database of the read models may be asked; nothing when the slot is told to stop meanwhile.
    async fn pass(&mut self, stop: &CancellationToken) -> Option<Pass> {
        tokio::select! {
            biased;
            pass = self.breaker.pass() => Some(pass),
            () = stop.cancelled() => None,
        }
    }

    async fn observe(&mut self, gathered: &Gathered, stop: &CancellationToken) -> Result<(), SlotError> {
        let Some(pass) = self.pass(stop).await else { return Ok(()) };
        let observation = self.observer.begin(&gathered.first);
        let applied = self.apply(gathered).instrument(observation.span()).await;
        observation.ended(&gathered.last, &applied);
        pass.told(&applied).await;
        applied.map(drop)
    }

    /// Lets the handler do what it is asked for, under the right to the slot; tells whether there may be more.
    async fn run_errand(&mut self, stop: &CancellationToken) -> Result<bool, SlotError> {
        let Some(pass) = self.pass(stop).await else { return Ok(false) };
        let done = self.do_errand().await;
        pass.told(&done).await;
        done
    }

    async fn do_errand(&mut self) -> Result<bool, SlotError> {
        fail_point!(errand_before_begin);
        let mut loan = lend(&self.read_models, self.answer_timeout).await?;
        let (client, limit) = loan.parts();
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = limit.in_time(begin.start()).await?;
        let (partition, epoch) = (self.checkpoint.partition(), self.checkpoint.epoch());
        let here = self.checkpoint.checkpoint();
        let errand = Errand { transaction: &transaction, partition, epoch };
        fail_point!(errand_before_handler);
        let more = match self.handler.run_errand(errand).await {
            Ok(more) => more,
            Err(source) => {
                drop(transaction);
                drop(loan);
                fail_point!(errand_after_rollback);
                self.checkpoint.reload(&self.read_models).await?;
                return Err(SlotError::Errand { at: here.position, source });
            }
        };
        // It moves nowhere, and is refused to whoever was overtaken.
        fail_point!(errand_before_checkpoint);
        let moved = limit.in_time(self.checkpoint.advance(&transaction, here.cursor())).await?;
        fail_point!(errand_before_commit);
        limit.in_time(transaction.commit()).await?;
        fail_point!(errand_after_commit);
        self.checkpoint.moved(moved);
        Ok(more)
    }

    /// Applies a batch and moves the checkpoint, in one transaction; returns how many events were wanted.
    async fn apply(&mut self, gathered: &Gathered) -> Result<usize, SlotError> {
        let (events, woken_by) = (&gathered.events, gathered.first.woken_by());

        fail_point!(slot_before_begin);
        let mut loan = lend(&self.read_models, self.answer_timeout).await?;
        let (client, limit) = loan.parts();
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = limit.in_time(begin.start()).await?;
        if let (Some(first), Some(end)) = (events.first(), events.last()) {
            let batch = Batch {
                events,
                transaction: &transaction,
                partition: self.checkpoint.partition(),
                epoch: self.checkpoint.epoch(),
                woken_by,
                is_rebuild: false,
            };
            let (from, to) = (first.position, end.position);
            fail_point!(slot_before_handler);
            if let Err(source) = self.handler.handle(batch).await {
                drop(transaction);
                drop(loan);
                fail_point!(slot_after_rollback);
                // An owner that was overtaken trips over its successor's rows: then that is the reason.
                let before = self.checkpoint.checkpoint().position;
                self.checkpoint.reload(&self.read_models).await?;
                // So does a batch whose commit was stored although its answer was lost, over its own.
                if self.checkpoint.checkpoint().position != before {
                    return Err(SlotError::AnswerLost { from, to });
                }
                return Err(SlotError::Handler { from, to, source });
            }
        }
        fail_point!(slot_before_checkpoint);
        // The last statement: had the handler left the transaction aborted, this fails, and nothing commits.
        let moved = limit.in_time(self.checkpoint.advance(&transaction, gathered.to)).await?;
        fail_point!(slot_before_commit);
        let stopwatch = Stopwatch::start();
        limit.in_time(transaction.commit()).await?;
        fail_point!(slot_after_commit);
        self.observer.committed(stopwatch);
        self.checkpoint.moved(moved);
        self.come_to(moved.position);
        debug!(events = events.len(), position = %moved.position, ?woken_by, "batch applied");
        Ok(events.len())
    }
}

/// Waits for a connection. What the loop itself sends over it is answered in time or the connection is lost; a handler
/// takes the time it needs.
async fn lend(read_models: &Pool, answer_timeout: Option<Duration>) -> Result<Loan, SlotError> {
    let client = read_models.get().await.map_err(CheckpointError::from)?;
    Ok(Loan::new(client, answer_timeout))
}

/// Growing pauses, begun anew after every step forward.
fn pauses() -> ExponentialBackoff {
    let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
    pauses.with_max_delay(PAUSE_MAX).with_jitter().without_max_times().build()
}
