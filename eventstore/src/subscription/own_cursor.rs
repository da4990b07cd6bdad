//! A subscription that reads for itself.
//!
//! Guarantees
//! - every event behind the starting position comes exactly once and in order;
//! - hints are asked for before the log is read, so an event that commits in between is not waited for;
//! - where an open append holds events back, the log is looked at again until it has ended, hint or no hint;
//! - it never reads on in a log that is not the one it has read: each look names the event it has come to;
//! - after a full page the next one is asked for before the first is handed out, and no page beyond that.
//!
//! Leaves to others: keeping the position ([`crate::Checkpoint`]), waking (`wakeup`).

use std::panic::resume_unwind;

use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::look_again::{LookAgain, Rest};
use crate::cursor::Cursor;
use crate::position::GlobalPosition;
use crate::read::{LogPage, LogQuery, PAGE_EVENTS_DEFAULT, ReadError};
use crate::store::EventStore;
use crate::wakeup::{Wakeups, WokenBy};

/// Reads a log on and on; each page tells what woke it.
///
/// For many subscriptions in one process see [`Tailer`](crate::Tailer).
#[derive(Debug)]
pub struct Subscription<S> {
    store: S,
    wakeups: Wakeups,
    cursor: Cursor,
    page_events: usize,
    wait: Wait,
    look_again: LookAgain,
    /// The page behind a full one, on its way.
    ahead: Option<AbortOnDropHandle<Result<LogPage, ReadError>>>,
}

/// What comes before the next look.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// Nothing: there may be more at once.
    Nothing,
    /// A hint, or the poll interval.
    ForHint,
    /// A rest since the last look, because something is held back.
    Resting { since: Instant, rest: Rest },
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
        Self::resume(store, position.into())
    }

    /// Goes on from where another subscription has come, if the log is the one that it read.
    pub fn resume(store: S, cursor: Cursor) -> Self {
        // The hints come first: what is appended from now on is either read or hinted at.
        let wakeups = store.wakeups();
        Self {
            store,
            wakeups,
            cursor,
            page_events: PAGE_EVENTS_DEFAULT,
            wait: Wait::Nothing,
            look_again: LookAgain::new(),
            ahead: None,
        }
    }

    /// Sets the most events of a page, at least 1; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    #[must_use]
    pub fn page_events(self, page_events: usize) -> Self {
        Self { page_events: page_events.max(1), ..self }
    }

    /// Returns the position behind which the next page begins.
    pub fn position(&self) -> GlobalPosition {
        self.cursor.position
    }

    /// Returns where this has come: [`Subscription::resume`] goes on from there.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Waits for the next page. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// A fault of the storage; the subscription stays where it was and may be asked again. With
    /// [`ReadError::Diverged`] that is of no use: the log is another one.
    pub async fn next(&mut self) -> Result<SubscriptionPage, ReadError> {
        let mut woken_by = WokenBy::Reading;
        loop {
            if !self.may_have_more() {
                woken_by = self.wait().await;
                // From here on the wake-up counts as used only when the look below has an answer.
                self.wait = Wait::Nothing;
            }
            if let Some(log) = self.look().await? {
                return Ok(SubscriptionPage { log, woken_by });
            }
        }
    }

    /// Tells whether the next look comes without a wait.
    pub(crate) fn may_have_more(&self) -> bool {
        matches!(self.wait, Wait::Nothing)
    }

    /// Makes the next look come without a wait.
    pub(crate) fn expect_more(&mut self) {
        self.wait = Wait::Nothing;
    }

    /// Reads one page, and moves on when there is anything new. Dropping the future loses nothing.
    pub(crate) async fn look(&mut self) -> Result<Option<LogPage>, ReadError> {
        let begun = Instant::now();
        let log = self.page().await?;
        let most = self.wakeups.poll_interval();
        self.wait = if log.events.len() >= self.page_events {
            Wait::Nothing
        } else if let Some(held_back) = log.held_back {
            let rest = self.look_again.rest(begun.elapsed(), held_back, most);
            Wait::Resting { since: Instant::now(), rest }
        } else {
            Wait::ForHint
        };
        if log.settled_to <= self.cursor.position {
            return Ok(None);
        }
        self.cursor = log.cursor(self.cursor);
        if self.may_have_more() {
            self.ask_ahead();
        }
        Ok(Some(log))
    }

    /// Takes the page that is on its way, or asks for one.
    async fn page(&mut self) -> Result<LogPage, ReadError> {
        if let Some(ahead) = &mut self.ahead {
            let answer = ahead.await;
            self.ahead = None;
            match answer {
                Ok(page) => return page,
                Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
                // The runtime gave the task up: ask again.
                Err(_) => {}
            }
        }
        self.store.read_log(LogQuery::going_on(self.cursor).limit(self.page_events)).await
    }

    fn ask_ahead(&mut self) {
        let (store, query) = (self.store.clone(), LogQuery::going_on(self.cursor).limit(self.page_events));
        let ahead = tokio::spawn(async move { store.read_log(query).await });
        self.ahead = Some(AbortOnDropHandle::new(ahead));
    }

    async fn wait(&mut self) -> WokenBy {
        let Wait::Resting { since, rest } = self.wait else { return self.wakeups.next().await };
        // A hint cuts the rest short, though not below what the last look cost.
        let hinted = self.wakeups.hint_within(rest.most.saturating_sub(since.elapsed())).await;
        self.wait = Wait::Resting { since, rest: Rest { most: rest.least, ..rest } };
        sleep_until(since + rest.least).await;
        if hinted { WokenBy::Notification } else { WokenBy::LookAgain }
    }
}
