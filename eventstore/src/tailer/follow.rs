//! A subscription of a tailer: its own cursor until it is at the end of the log, then the tailer's feed.
//!
//! Guarantees: a page of the feed is taken only where it begins at or before the subscription's position, and
//! only what lies behind that position; anything else sends it back to its own cursor.

use std::sync::Arc;

use tracing::warn;

use super::control::{StopReason, SubscriptionHandle, SubscriptionState};
use super::page::{EventPage, TailPage};
use super::pauses::Pauses;
use super::roster::Feed;
use super::shared::Shared;
use crate::cursor::Cursor;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::read::ReadError;
use crate::store::EventStore;
use crate::subscription::{Subscription, SubscriptionPage};
use crate::telemetry::{PAUSES, Pause};
use crate::wakeup::WokenBy;

/// Follows the log, fed by a [`Tailer`](super::Tailer). Dropping it unsubscribes.
#[derive(Debug)]
pub struct TailedSubscription<S: EventStore> {
    shared: Arc<Shared<S>>,
    filter: Arc<EventFilter>,
    handle: SubscriptionHandle,
    cursor: Cursor,
    source: Source<S>,
    pauses: Pauses,
}

/// Where the next page comes from.
#[derive(Debug)]
enum Source<S> {
    /// The subscription's own cursor; once there is nothing more at once, the tailer is joined.
    Own(Box<Subscription<S>>),
    /// The tailer is joined but begins behind `until`; the own cursor fills the gap.
    Closing { cursor: Box<Subscription<S>>, feed: Feed, until: GlobalPosition },
    /// The tailer's feed.
    Feed(Feed),
}

impl<S: EventStore> TailedSubscription<S> {
    pub(super) fn new(
        shared: Arc<Shared<S>>,
        cursor: Cursor,
        filter: EventFilter,
        handle: SubscriptionHandle,
    ) -> Self {
        let source = Source::Own(shared.own_cursor(cursor));
        let (filter, pauses) = (Arc::new(filter), Pauses::default());
        Self { shared, filter, handle, cursor, source, pauses }
    }

    /// Returns the position behind which the next page begins: subscribe after it to go on where this ended.
    pub fn position(&self) -> GlobalPosition {
        self.cursor.position
    }

    /// Returns where this has come: subscribe from there to go on, if the log is the one that was read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Returns what watches and ends this subscription from elsewhere.
    pub fn handle(&self) -> SubscriptionHandle {
        self.handle.clone()
    }

    /// Waits for the next page; one without events tells that the settled position rose. Dropping the future
    /// loses nothing.
    ///
    /// Faults that pass are waited for, with growing pauses.
    ///
    /// # Errors
    ///
    /// [`StopReason`]; asked again, it gives the same answer.
    pub async fn next(&mut self) -> Result<EventPage, StopReason> {
        let handle = self.handle.clone();
        tokio::select! {
            biased;
            () = handle.token().cancelled() => Err(handle.stop_reason()),
            page = self.follow() => page.map_err(|error| {
                handle.enter(SubscriptionState::Stopped(StopReason::of(error)));
                handle.token().cancel();
                handle.stop_reason()
            }),
        }
    }

    async fn follow(&mut self) -> Result<EventPage, ReadError> {
        loop {
            match self.step().await {
                Ok(Some(page)) => return Ok(page),
                Ok(None) => self.pauses.reset(),
                Err(error) if error.is_transient() => {
                    let pause = self.pauses.next();
                    PAUSES.count(Pause::Subscription);
                    warn!(
                        error = &error as &dyn std::error::Error,
                        ?pause,
                        "subscription waits before it reads on"
                    );
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a page from the source at hand, or changes the source.
    async fn step(&mut self) -> Result<Option<EventPage>, ReadError> {
        match &mut self.source {
            Source::Own(cursor) if cursor.may_have_more() => {
                self.handle.enter(SubscriptionState::CatchingUp);
                let log = cursor.look().await?;
                let read = log.map(|log| SubscriptionPage { log, woken_by: WokenBy::Reading });
                Ok(read.map(|page| self.advance_own(page)))
            }
            Source::Own(_) => {
                self.join();
                Ok(None)
            }
            Source::Closing { cursor, until, .. } if self.cursor.position < *until => {
                let page = cursor.next().await?;
                Ok(Some(self.advance_own(page)))
            }
            Source::Closing { .. } => {
                self.go_live();
                Ok(None)
            }
            Source::Feed(feed) => match feed.next().await {
                Some(page) if page.log.settled_to <= self.cursor.position => Ok(None),
                Some(page) if page.after.position <= self.cursor.position => Ok(Some(self.advance(page))),
                _ => {
                    self.source = Source::Own(self.shared.own_cursor(self.cursor));
                    Ok(None)
                }
            },
        }
    }

    fn join(&mut self) {
        let joined = self.shared.join(&self.handle, self.cursor);
        let mut cursor = self.shared.own_cursor(self.cursor);
        cursor.expect_more();
        self.source = Source::Closing { cursor, feed: joined.feed, until: joined.after };
    }

    fn go_live(&mut self) {
        let beginning = Source::Own(self.shared.own_cursor(self.cursor));
        if let Source::Closing { feed, .. } = std::mem::replace(&mut self.source, beginning) {
            self.handle.enter(SubscriptionState::Live);
            self.source = Source::Feed(feed);
        }
    }

    fn advance_own(&mut self, SubscriptionPage { log, woken_by }: SubscriptionPage) -> EventPage {
        self.advance(Arc::new(TailPage { after: self.cursor, log, woken_by }))
    }

    fn advance(&mut self, page: Arc<TailPage>) -> EventPage {
        self.pauses.reset();
        let cursor = page.log.cursor(self.cursor);
        let page = EventPage::cut(page, self.cursor.position, self.filter.clone());
        self.cursor = cursor;
        page
    }
}

impl<S: EventStore> Drop for TailedSubscription<S> {
    fn drop(&mut self) {
        self.handle.unsubscribe();
    }
}
