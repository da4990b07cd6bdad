//! Pages on their way to subscriptions.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::event::RecordedEvent;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::read::LogPage;
use crate::wakeup::WokenBy;

/// A page of the log and where it began; one for all who get it.
#[derive(Debug)]
pub(super) struct TailPage {
    /// The page holds everything behind this position …
    pub(super) after: Cursor,
    /// … up to where it is settled.
    pub(super) log: LogPage,
    pub(super) woken_by: WokenBy,
}

/// One page of a subscription: what it wants of a stretch of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventPage {
    page: Arc<TailPage>,
    /// Events of the page that the subscription has already seen elsewhere.
    seen: usize,
    filter: Arc<EventFilter>,
}

impl EventPage {
    /// Cuts what lies behind a position out of a page.
    pub(super) fn cut(page: Arc<TailPage>, after: GlobalPosition, filter: Arc<EventFilter>) -> Self {
        let seen = page.log.events.partition_point(|event| event.position <= after);
        Self { page, seen, filter }
    }

    /// Returns the events the subscription wants, in the order of the log. There may be none: then only
    /// [`EventPage::settled_to`] is news.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &RecordedEvent> + Clone {
        self.page.log.events[self.seen..].iter().filter(|event| self.filter.wants(event))
    }

    /// Returns how many events the page has, wanted or not.
    pub(crate) fn events_seen(&self) -> usize {
        self.page.log.events.len() - self.seen
    }

    /// Every event up to here that the subscription wants is in this page or in one before it: the position
    /// for its checkpoint.
    pub fn settled_to(&self) -> GlobalPosition {
        self.page.log.settled_to
    }

    /// Returns where a reader has come with this page: for its checkpoint, so that a log that is restored to an older
    /// state is noticed.
    pub fn cursor(&self) -> Cursor {
        self.page.log.cursor(self.page.after)
    }

    /// Returns the highest settled position of the log when the page was read.
    pub fn head(&self) -> GlobalPosition {
        self.page.log.head
    }

    /// Returns what made the reader read.
    pub fn woken_by(&self) -> WokenBy {
        self.page.woken_by
    }
}
