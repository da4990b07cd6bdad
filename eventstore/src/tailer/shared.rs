//! What a tailer and its subscriptions share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::control::SubscriptionHandle;
use super::roster::{Joined, Roster};
use super::tail::Tail;
use crate::cursor::Cursor;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, PAGE_EVENTS_DEFAULT, ReadError};
use crate::store::EventStore;
use crate::subscription::Subscription;

/// How much a tailer reads and keeps. Fill in what differs from the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailerOptions {
    /// The most events of a page; [`PAGE_EVENTS_DEFAULT`] by default.
    pub page_events: usize,
    /// The most events that wait for one subscription; 4 × [`PAGE_EVENTS_DEFAULT`] by default. Pages are
    /// shared, so the memory of all subscriptions together is that of the one farthest behind. A page of more
    /// events waits alone.
    pub queue_events: usize,
}

impl Default for TailerOptions {
    fn default() -> Self {
        Self { page_events: PAGE_EVENTS_DEFAULT, queue_events: 4 * PAGE_EVENTS_DEFAULT }
    }
}

/// The store, its readers and the reader's members.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) store: S,
    pub(super) options: TailerOptions,
    pub(super) stop: CancellationToken,
    roster: Arc<Roster>,
}

impl<S: EventStore> Shared<S> {
    pub(super) fn new(store: S, options: TailerOptions) -> Self {
        Self { store, options, stop: CancellationToken::new(), roster: Arc::default() }
    }

    /// Returns the position behind which nothing has settled yet.
    pub(super) async fn head(&self) -> Result<GlobalPosition, ReadError> {
        Ok(self.store.read_log(LogQuery::after(GlobalPosition::END).limit(0)).await?.head)
    }

    /// Returns how many members the reader feeds.
    pub(super) fn live_subscriptions(&self) -> usize {
        self.roster.live()
    }

    /// Returns a reader of a subscription's own.
    pub(super) fn own_cursor(&self, cursor: Cursor) -> Box<Subscription<S>> {
        Box::new(Subscription::resume(self.store.clone(), cursor).page_events(self.options.page_events))
    }

    /// Puts a subscription that has seen everything up to a position on the tailer.
    pub(super) fn join(&self, handle: &SubscriptionHandle, cursor: Cursor) -> Joined {
        let joined = self.roster.join(handle, cursor);
        if let Some(reader) = joined.reader {
            let tail = Tail {
                store: self.store.clone(),
                roster: self.roster.clone(),
                reader,
                page_events: self.options.page_events,
                stop: self.stop.clone(),
            };
            tokio::spawn(tail.run());
        }
        joined
    }
}
