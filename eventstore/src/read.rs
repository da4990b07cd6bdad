//! Reading: what to ask a stream and the log for, and what comes back.

use crate::append::StorageError;
use crate::event::RecordedEvent;
use crate::position::GlobalPosition;
use crate::stream::StreamName;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQuery {
    /// The position to begin behind, exclusive; with [`Direction::Backward`] the one to begin before.
    pub from: GlobalPosition,
    /// Which way to read.
    pub direction: Direction,
    /// The most events to return; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    pub limit: usize,
}

impl LogQuery {
    /// Reads what comes after a position, oldest first.
    pub fn after(position: GlobalPosition) -> Self {
        Self { from: position, direction: Direction::Forward, limit: PAGE_EVENTS_DEFAULT }
    }

    /// Reads what comes before a position, newest first.
    pub fn before(position: GlobalPosition) -> Self {
        Self { from: position, direction: Direction::Backward, limit: PAGE_EVENTS_DEFAULT }
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
    /// Reading forward: every event up to here, now and for ever, is in this page or before it. It can lie
    /// behind the last event (positions have holes) and never lies before the position asked from.
    pub settled_to: GlobalPosition,
    /// The highest settled position of the log when the page was read.
    pub head: GlobalPosition,
    /// Reading forward: positions behind `head` had been drawn when the page was read, so an open append may
    /// be holding settled events back. Its end sends no hint when it is rolled back: look again.
    pub held_back: bool,
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
    /// Only streams behind this name, in byte order; for the next page.
    pub after: Option<StreamName>,
    /// The most streams to return; [`PAGE_EVENTS_DEFAULT`] unless told otherwise.
    pub limit: usize,
}

impl Default for StreamListQuery {
    fn default() -> Self {
        Self { prefix: String::new(), after: None, limit: PAGE_EVENTS_DEFAULT }
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
}
