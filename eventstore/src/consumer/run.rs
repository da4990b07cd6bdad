//! The loop of a consumer that keeps its position itself.

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::keeper::CheckpointKeeper;
use super::policy::CheckpointPolicy;
use crate::cursor::Cursor;
use crate::event::RecordedEvent;
use crate::filter::EventFilter;
use crate::handler::HandlerError;
use crate::position::GlobalPosition;
use crate::store::EventStore;
use crate::tailer::{EventPage, StartAt, StopReason, TailedSubscription, Tailer};

/// Hands events to a function one by one and keeps how far it has come, at least once each.
///
/// For what is written into PostgreSQL a slot ([`crate::postgres::Slot`]) is the better choice: its position commits
/// with the rows. This one is for everything else: mails, other services, files.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::{CheckpointKeeper, CheckpointPolicy, CheckpointedConsumer, EventFilter, PostgresStore};
/// # use tokio_util::sync::CancellationToken;
/// # async fn example(store: PostgresStore, keeper: impl CheckpointKeeper) -> Result<(), Box<dyn std::error::Error>> {
/// let stop = CancellationToken::new();
/// let policy = CheckpointPolicy::default();
/// let consumer = CheckpointedConsumer::resume(&store.tailer(), keeper, EventFilter::all(), policy).await?;
/// consumer.run(stop, async |event| {
///     println!("{} {}", event.position, event.event_type);
///     Ok(())
/// }).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CheckpointedConsumer<S: EventStore, K> {
    subscription: TailedSubscription<S>,
    keeper: K,
    policy: CheckpointPolicy,
    /// Everything up to here is done, and everything up to there is kept.
    done: Cursor,
    kept: Cursor,
    /// Events since the position was kept.
    unkept: usize,
}

/// Why a consumer ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError<E: std::error::Error + Send + Sync + 'static> {
    /// The position could not be loaded or kept; events since the last one come again.
    #[error("position of the consumer cannot be kept")]
    Keeper(#[source] E),
    /// The function failed on an event. What was done before it is kept; the event comes again.
    #[error("handler failed on the event at position {at}")]
    Handler {
        /// The event.
        at: GlobalPosition,
        /// What the function said.
        #[source]
        source: HandlerError,
    },
    /// The log cannot be read, or the tailer was stopped. What was done before is kept.
    #[error(transparent)]
    Subscription(#[from] StopReason),
}

impl<S: EventStore, K: CheckpointKeeper> CheckpointedConsumer<S, K> {
    /// Subscribes behind the position that was kept last.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Keeper`] when that position cannot be had.
    pub async fn resume(
        tailer: &Tailer<S>,
        mut keeper: K,
        filter: EventFilter,
        policy: CheckpointPolicy,
    ) -> Result<Self, ConsumeError<K::Error>> {
        let kept = keeper.load().await.map_err(ConsumeError::Keeper)?;
        let subscribed = tailer.subscribe(StartAt::Cursor(kept), filter).await;
        let subscription = subscribed.map_err(StopReason::of)?;
        Ok(Self { subscription, keeper, policy, done: kept, kept, unkept: 0 })
    }

    /// Runs until it is told to stop, finishing the event at hand; keeps its position and returns it.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`]; nothing that was not handled is ever kept as done.
    pub async fn run(
        mut self,
        stop: CancellationToken,
        mut handle: impl AsyncFnMut(&RecordedEvent) -> Result<(), HandlerError>,
    ) -> Result<GlobalPosition, ConsumeError<K::Error>> {
        let ended = self.follow(&stop, &mut handle).await;
        let kept = self.keep().await;
        ended?;
        kept?;
        Ok(self.kept.position)
    }

    async fn follow(
        &mut self,
        stop: &CancellationToken,
        handle: &mut impl AsyncFnMut(&RecordedEvent) -> Result<(), HandlerError>,
    ) -> Result<(), ConsumeError<K::Error>> {
        while let Some(page) = stop.run_until_cancelled(self.next_page()).await {
            let Some(page) = page? else {
                self.keep().await?;
                continue;
            };
            let mut handled = 0;
            for event in page.events() {
                if stop.is_cancelled() {
                    return Ok(());
                }
                let at = event.position;
                handle(event).await.map_err(|source| ConsumeError::Handler { at, source })?;
                handled += 1;
                self.passed(Cursor { position: at, event_id: Some(event.id) }, 1).await?;
            }
            // What the filter left out is behind us as well, now that nothing of the page is open.
            self.passed(page.cursor(), page.events_seen() - handled).await?;
        }
        Ok(())
    }

    /// Waits for the next page; `None` when the idle time was over and something is not kept.
    async fn next_page(&mut self) -> Result<Option<EventPage>, StopReason> {
        if self.done == self.kept {
            return self.subscription.next().await.map(Some);
        }
        match timeout(self.policy.idle, self.subscription.next()).await {
            Ok(page) => page.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Everything up to a position is done; keeps it when it is time.
    async fn passed(&mut self, to: Cursor, events: usize) -> Result<(), ConsumeError<K::Error>> {
        self.done = to;
        self.unkept += events;
        if self.unkept >= self.policy.events.max(1) { self.keep().await } else { Ok(()) }
    }

    async fn keep(&mut self) -> Result<(), ConsumeError<K::Error>> {
        if self.done.position > self.kept.position {
            self.keeper.keep(self.done).await.map_err(ConsumeError::Keeper)?;
            self.kept = self.done;
        }
        self.unkept = 0;
        Ok(())
    }
}
