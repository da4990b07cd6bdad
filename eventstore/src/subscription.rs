//! A subscription: the log as an endless sequence of pages.
//!
//! Guarantees
//! - every event behind the starting position comes exactly once and in order;
//! - hints are asked for before the log is read, so an event that commits in between is not waited for.
//!
//! Leaves to others: keeping the position ([`crate::Checkpoint`]), waking (`wakeup`).

use crate::position::GlobalPosition;
use crate::read::{LogPage, LogQuery, PAGE_EVENTS_DEFAULT, ReadError};
use crate::store::EventStore;
use crate::wakeup::{Wakeups, WokenBy};

/// Reads a log on and on; each page tells what woke it.
#[derive(Debug)]
pub struct Subscription<S> {
    store: S,
    wakeups: Wakeups,
    position: GlobalPosition,
    page_events: usize,
    /// The last page was full, so there may be more behind it at once.
    more: bool,
}

/// One page of a subscription. It is never without events, except where only the settled position rose.
#[derive(Debug, Clone)]
pub struct SubscriptionPage {
    /// The events and the position they reach.
    pub log: LogPage,
    /// What made the subscription read.
    pub woken_by: WokenBy,
}

impl<S: EventStore> Subscription<S> {
    /// Subscribes behind a position; [`GlobalPosition::START`] for everything.
    pub fn after(store: S, position: GlobalPosition) -> Self {
        // The hints come first: what is appended from now on is either read or hinted at.
        let wakeups = store.wakeups();
        Self { store, wakeups, position, page_events: PAGE_EVENTS_DEFAULT, more: true }
    }

    /// Sets the most events of a page; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    #[must_use]
    pub fn page_events(self, page_events: usize) -> Self {
        Self { page_events, ..self }
    }

    /// Returns the position behind which the next page begins.
    pub fn position(&self) -> GlobalPosition {
        self.position
    }

    /// Waits for the next page. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// A fault of the storage; the subscription stays where it was and may be asked again.
    pub async fn next(&mut self) -> Result<SubscriptionPage, ReadError> {
        let mut woken_by = WokenBy::Reading;
        loop {
            if !self.more {
                woken_by = self.wakeups.next().await;
                // From here on the wake-up counts as used only when the read below has an answer.
                self.more = true;
            }
            let query = LogQuery::after(self.position).limit(self.page_events);
            let log = self.store.read_log(query).await?;
            self.more = log.events.len() >= self.page_events;
            if log.settled_to > self.position {
                self.position = log.settled_to;
                return Ok(SubscriptionPage { log, woken_by });
            }
        }
    }
}
