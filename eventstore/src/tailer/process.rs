//! The handle to a tailer: where subscriptions begin.

use std::sync::{Arc, Weak};

use super::control::SubscriptionHandle;
use super::follow::TailedSubscription;
use super::shared::{Shared, TailerOptions};
use crate::cursor::Cursor;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::read::ReadError;
use crate::store::EventStore;

/// Reads a log once for every subscription of the process. Make one for each store; cheap to clone.
///
/// It reads while somebody is subscribed, and holds a handle to the store for as long: unsubscribe, or
/// [`Tailer::stop`], before the store is closed.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Append, EventFilter, EventStore, MemoryStore, NewEvent, StartAt, Tailer};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let tailer = Tailer::of(store.clone());
/// let mut everything = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
/// let mut news = tailer.subscribe(StartAt::Now, EventFilter::all()).await?;
///
/// store.append(Append::to("account-7".parse()?, [NewEvent::new("account-opened", &())?])).await?;
///
/// let page = everything.next().await?;
/// for event in page.events() {
///     println!("{} {}", event.position, event.event_type);
/// }
/// let checkpoint = page.settled_to();
/// assert_eq!(news.next().await?.settled_to(), checkpoint);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(example())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Tailer<S>(Arc<Shared<S>>);

/// A way back to a tailer that does not keep it alive.
#[derive(Debug)]
pub(crate) struct WeakTailer<S>(Weak<Shared<S>>);

impl<S> Default for WeakTailer<S> {
    fn default() -> Self {
        Self(Weak::new())
    }
}

impl<S> WeakTailer<S> {
    /// Returns the tailer, if somebody still has it or is subscribed to it.
    pub(crate) fn upgrade(&self) -> Option<Tailer<S>> {
        self.0.upgrade().map(Tailer)
    }
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// At the first event of the log.
    Origin,
    /// Behind a position. Nothing tells whether the log is the one that the position belongs to.
    After(GlobalPosition),
    /// Where a reader has come, such as a checkpoint says; ends with
    /// [`StopReason::Diverged`](super::StopReason::Diverged) where the log is not the one that was read.
    Cursor(Cursor),
    /// Behind what is settled now: it misses nothing that commits after the call.
    Now,
}

impl<S> Clone for Tailer<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: EventStore> Tailer<S> {
    /// Makes a tailer with the default options.
    pub fn of(store: S) -> Self {
        Self::with_options(store, TailerOptions::default())
    }

    /// Makes a tailer.
    pub fn with_options(store: S, options: TailerOptions) -> Self {
        Self(Arc::new(Shared::new(store, options)))
    }

    /// Subscribes. Nothing is read for it before it is asked for its first page, except where it begins.
    ///
    /// # Errors
    ///
    /// A fault of the storage, while the head was read for [`StartAt::Now`].
    pub async fn subscribe(
        &self,
        start: StartAt,
        filter: EventFilter,
    ) -> Result<TailedSubscription<S>, ReadError> {
        let cursor = match start {
            StartAt::Origin => Cursor::START,
            StartAt::After(position) => position.into(),
            StartAt::Cursor(cursor) => cursor,
            StartAt::Now => self.0.head().await?.into(),
        };
        let handle = SubscriptionHandle::new(self.0.stop.child_token(), self.0.options.queue_events);
        Ok(TailedSubscription::new(self.0.clone(), cursor, filter, handle))
    }

    /// Returns how many subscriptions it feeds now: those that have caught up.
    pub fn live_subscriptions(&self) -> usize {
        self.0.live_subscriptions()
    }

    /// Tells whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    pub(crate) fn downgrade(&self) -> WeakTailer<S> {
        WeakTailer(Arc::downgrade(&self.0))
    }

    /// Ends every subscription with [`StopReason::TailerStopped`](super::StopReason::TailerStopped), and those
    /// that are still made.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }
}
