//! Reading: what to ask a stream and the log for, and what comes back.

use crate::append::StorageError;
use crate::connection_fault::is_connection_fault;
use crate::cursor::Cursor;
use crate::event::RecordedEvent;
use crate::event_id::EventId;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::stream::{Category, StreamName};
use crate::version::Version;

/// How many events a page holds when the caller does not say.
pub const PAGE_EVENTS_DEFAULT: usize = 1000;

/// Which way to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Oldest first.
    #[default]
    Forward,
    /// Newest first.
    Backward,
}

/// Which events of a stream to read, as one page.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{StreamQuery, Version};
/// let next_page = StreamQuery::forward().from(Version::NONE.advance(101)).limit(100);
/// let last_event = StreamQuery::backward().limit(1);
/// # let _ = (next_page, last_event);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamQuery {
    /// The first version wanted, inclusive; with [`Direction::Backward`] the highest one.
    pub from: Version,
    /// Which way to read.
    pub direction: Direction,
    /// The most events to return; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    pub limit: usize,
}

impl StreamQuery {
    /// Reads from the first event on.
    pub fn forward() -> Self {
        Self { from: Version::FIRST, direction: Direction::Forward, limit: PAGE_EVENTS_DEFAULT }
    }

    /// Reads from the last event back.
    pub fn backward() -> Self {
        Self { from: Version::MAX, direction: Direction::Backward, limit: PAGE_EVENTS_DEFAULT }
    }

    /// Begins at this version, inclusive.
    #[must_use]
    pub fn from(self, from: Version) -> Self {
        Self { from, ..self }
    }

    /// Returns at most so many events.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

/// What stands in a stream behind a version, as one page, and how far the stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamTail {
    /// The events, oldest first.
    pub events: Vec<RecordedEvent>,
    /// The first version that reads return. Where it lies behind the version asked from, the stream was deleted
    /// and began again, or was truncated: what a reader knew up to there no longer counts.
    pub first_version: Version,
    /// The version of the stream's last event; there is more where it lies behind the last one of the page.
    pub version: Version,
}

/// Which events of the log to read, as one page.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Category, EventFilter, GlobalPosition, LogQuery};
/// let accounts = EventFilter::all().categories([Category::new("account")?]);
/// let first_page = LogQuery::after(GlobalPosition::START).wanting(accounts.clone()).limit(100);
/// let last_event = LogQuery::before(GlobalPosition::END).wanting(accounts).limit(1);
/// # let _ = (first_page, last_event);
/// # Ok::<(), annals_eventstore::InvalidStreamName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The position to begin behind, exclusive; with [`Direction::Backward`] the one to begin before.
    pub from: GlobalPosition,
    /// Which way to read.
    pub direction: Direction,
    /// The most events to return; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    pub limit: usize,
    /// Which events to return; all unless told otherwise. The store leaves the others out, and a page settles
    /// behind them.
    pub filter: EventFilter,
    /// Reading forward and everything: the event that stands at `from`, if the log is to check that it still is the
    /// one that was read.
    pub seen: Option<EventId>,
}

impl LogQuery {
    /// Reads what comes after a position, oldest first.
    pub fn after(position: GlobalPosition) -> Self {
        Self::from(position, Direction::Forward)
    }

    /// Reads what comes before a position, newest first.
    pub fn before(position: GlobalPosition) -> Self {
        Self::from(position, Direction::Backward)
    }

    fn from(from: GlobalPosition, direction: Direction) -> Self {
        Self { from, direction, limit: PAGE_EVENTS_DEFAULT, filter: EventFilter::all(), seen: None }
    }

    /// Reads everything that comes after a cursor, oldest first, if the log is the one that was read.
    pub fn going_on(cursor: Cursor) -> Self {
        Self { seen: cursor.event_id, ..Self::after(cursor.position) }
    }

    /// Returns only events that pass a filter.
    ///
    /// Without its optional index a filter reads through the log: right, but as slow as the log is long. Which
    /// index serves which filter, and what it costs, is told in `docs/reading.md`.
    #[must_use]
    pub fn wanting(self, filter: EventFilter) -> Self {
        Self { filter, ..self }
    }

    /// Returns at most so many events.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }
}

/// One page of the log: settled events only, so its end is a safe place to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The events, in the order asked for.
    pub events: Vec<RecordedEvent>,
    /// Reading forward: every event up to here that the query wants, now and for ever, is in this page or before
    /// it. It is the position of an event, if not of one that is wanted, or the one asked from: what was drawn and
    /// rolled back may be drawn again after a crash, and is never settled.
    pub settled_to: GlobalPosition,
    /// The highest settled position of the log when the page was read: that of an event, or the start.
    pub head: GlobalPosition,
    /// Reading forward: an open append was holding back what others may have committed behind it. Its end sends
    /// no hint when it is rolled back: look again.
    pub held_back: Option<HeldBack>,
}

impl LogPage {
    /// Returns where a reader of everything has come with this page, of one that was at `before`.
    pub fn cursor(&self, before: Cursor) -> Cursor {
        if self.settled_to <= before.position {
            return before;
        }
        let last = self.events.last().filter(|last| last.position == self.settled_to);
        Cursor { position: self.settled_to, event_id: last.map(|event| event.id) }
    }
}

/// What holds a reader back: the lowest mark of an open append. Two are equal while nothing has moved; it is no
/// place to go on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeldBack(i64);

impl HeldBack {
    /// Takes a mark that the log itself told.
    pub(crate) fn at_mark(mark: i64) -> Self {
        Self(mark)
    }
}

/// What the log knows about a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub name: StreamName,
    /// The version of its last event.
    pub version: Version,
    /// The version of the first event that reads return.
    pub first_version: Version,
}

/// Which streams to list, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamListQuery {
    /// Only streams whose names begin so; all when empty.
    pub prefix: String,
    /// Only streams of this category; of all by default.
    pub category: Option<Category>,
    /// Only streams behind this name, in byte order; for the next page.
    pub after: Option<StreamName>,
    /// The most streams to return; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    pub limit: usize,
}

impl Default for StreamListQuery {
    fn default() -> Self {
        Self { prefix: String::new(), category: None, after: None, limit: PAGE_EVENTS_DEFAULT }
    }
}

/// Where the streams of a [`StreamListQuery`] stand in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameRanges {
    /// A single name, before all the others: a category that is a stream itself.
    pub(crate) name: Option<StreamName>,
    /// What the others begin with; none of them is wanted without it.
    pub(crate) prefix: Option<String>,
}

impl StreamListQuery {
    /// Tells where the streams stand that prefix and category leave. Other names can stand between a category
    /// and its streams: `a`, `a!`, `a-1`.
    pub(crate) fn ranges(&self) -> NameRanges {
        let Self { prefix, category, after, .. } = self;
        let Some(category) = category else {
            return NameRanges { name: None, prefix: Some(prefix.clone()) };
        };
        let streams = format!("{category}-");
        let itself = StreamName::recorded(category.as_str());
        let is_wanted =
            itself.as_str().starts_with(prefix) && after.as_ref().is_none_or(|after| *after < itself);
        let prefix = if prefix.starts_with(&streams) {
            Some(prefix.clone())
        } else {
            streams.starts_with(prefix).then_some(streams)
        };
        NameRanges { name: is_wanted.then_some(itself), prefix }
    }
}

/// Why a read gave no answer. Reads write nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such stream, or it was deleted and has not begun again.
    #[error("stream {0} does not exist")]
    StreamNotFound(StreamName),
    /// The stream was closed for ever.
    #[error("stream {0} was deleted for ever")]
    StreamDeleted(StreamName),
    /// The transaction's isolation level would hide events that commit late (LG006). Read the log in
    /// READ COMMITTED.
    #[error("the log is read in READ COMMITTED only")]
    WrongIsolation(#[source] StorageError),
    /// The log is not the one that was read (LG014): where the reader has come stands another event, or none. It was
    /// restored to an older state, or replaced; reading on would skip events. Let the reader begin anew.
    #[error("log has diverged: at position {position} stands not event {seen} that was read there")]
    Diverged {
        /// Where the reader has come.
        position: GlobalPosition,
        /// The event that was read there.
        seen: EventId,
        /// The last event that the log has up to there, if it has any.
        found: Option<EventId>,
    },
    /// A pooler gave the statement to a session of the server that does not know it, or knows another by its name.
    /// Turn the pooler mode on: `pooler=transaction` in the connection string.
    #[error(
        "a pooler in transaction mode stands before the database; turn the pooler mode on (pooler=transaction)"
    )]
    NeedsPoolerMode(#[source] StorageError),
    /// The storage could not be reached. Try again later.
    #[error("event store is not available")]
    Unavailable(#[source] StorageError),
    /// The database failed in another way.
    #[error("read failed")]
    Storage(#[source] StorageError),
}

impl ReadError {
    /// True where the same read may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// True where the storage was not reached: the connection could not be had or broke, or the server takes none.
    pub fn is_connection_fault(&self) -> bool {
        matches!(self, Self::Unavailable(cause) if is_connection_fault(&**cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(prefix: &str, category: &str, after: Option<&str>) -> (Option<String>, Option<String>) {
        let category = Some(Category::new(category).unwrap());
        let after = after.map(|name| name.parse().unwrap());
        let NameRanges { name, prefix } =
            StreamListQuery { prefix: prefix.into(), category, after, limit: 1 }.ranges();
        (name.map(String::from), prefix)
    }

    #[test]
    fn a_category_is_a_name_and_a_prefix_and_a_prefix_narrows_it() {
        let told =
            |name: Option<&str>, prefix: Option<&str>| (name.map(String::from), prefix.map(String::from));
        assert_eq!(ranges("", "thing", None), told(Some("thing"), Some("thing-")));
        assert_eq!(ranges("", "thing", Some("thing")), told(None, Some("thing-")));
        assert_eq!(ranges("thi", "thing", None), told(Some("thing"), Some("thing-")));
        assert_eq!(ranges("thing-", "thing", None), told(None, Some("thing-")));
        assert_eq!(ranges("thing-7", "thing", None), told(None, Some("thing-7")));
        assert_eq!(ranges("thingy", "thing", None), told(None, None));
        assert_eq!(ranges("other", "thing", None), told(None, None));
    }
}
