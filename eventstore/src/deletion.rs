//! Deleting: the requests, the receipts, and every way they can fail.

use crate::append::StorageError;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

/// The most events and keys that one batch of a scrub removes, unless told otherwise.
pub const SCRUB_BATCH_EVENTS_DEFAULT: usize = 10_000;

/// A stream to delete, truncate or tombstone, and the condition under which it is done.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Deletion, Version};
/// let deletion = Deletion::of("account-7".parse()?).expecting(Version::FIRST).because("opened by mistake");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The stream.
    pub stream: StreamName,
    /// What it must look like; that it exists, unless told otherwise.
    pub expected: ExpectedVersion,
    /// Why; kept for whoever asks later.
    pub reason: Option<String>,
}

impl Deletion {
    /// Asks for a stream, which has to exist.
    pub fn of(stream: StreamName) -> Self {
        Self { stream, expected: ExpectedVersion::StreamExists, reason: None }
    }

    /// Sets what the stream must look like.
    #[must_use]
    pub fn expecting(self, expected: impl Into<ExpectedVersion>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Tells why.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }
}

/// The receipt of a deletion: what is read of the stream from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The number of events that the stream ever had; its next one, if there may be one, has the version behind it.
    pub version: Version,
    /// The first version that is read; behind `version` where nothing is left to read.
    pub first_version: Version,
    /// True when there was nothing to do: the stream was as asked for, or there is none and none was expected.
    pub already_applied: bool,
}

/// Why a stream was not deleted, truncated or tombstoned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeletionError {
    /// The stream is at another version; nothing was changed. Read it, decide again.
    #[error("stream {stream} is at version {actual}, expected was {expected}")]
    WrongVersion {
        /// The stream.
        stream: StreamName,
        /// What the caller asked for.
        expected: ExpectedVersion,
        /// What the row said, under lock; 0 where there is no such stream.
        actual: Version,
    },
    /// There is no such stream, or it was deleted and has not begun again; nothing was changed.
    #[error("stream {0} does not exist")]
    StreamNotFound(StreamName),
    /// The stream was closed for ever before; nothing was changed.
    #[error("stream {0} is tombstoned")]
    StreamTombstoned(StreamName),
    /// The call is malformed – as where a truncation would leave nothing; nothing was changed. The text says why.
    #[error("deletion refused: {0}")]
    Malformed(String),
    /// The role that is logged in may not delete; nothing was changed. Use one that was granted the operator's
    /// rights (`annals db roles`).
    #[error("not allowed to delete stream {0}")]
    NotAllowed(StreamName, #[source] StorageError),
    /// The transaction met another one (40001, 40P01); nothing was changed. Try again.
    #[error("deletion of {0} met a concurrent transaction")]
    Serialization(StreamName, #[source] StorageError),
    /// The storage could not be reached; nothing was changed. Try again later.
    #[error("event store is not available")]
    Unavailable(#[source] StorageError),
    /// The connection broke before the answer: it may be done or not. Look at the stream, or ask again.
    #[error("deletion of {0} may or may not have happened")]
    OutcomeUnknown(StreamName, #[source] StorageError),
    /// The database failed in another way; nothing was changed.
    #[error("deletion of {0} failed")]
    Storage(StreamName, #[source] StorageError),
}

impl DeletionError {
    /// True where the same call may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Serialization(..) | Self::Unavailable(_) | Self::OutcomeUnknown(..))
    }
}

/// A stream whose events are to leave the log, as far as it no longer shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrub {
    /// The stream; it was deleted, truncated or tombstoned before.
    pub stream: StreamName,
    /// Why; kept for whoever asks later.
    pub reason: Option<String>,
    /// The most events and keys to remove in one transaction, at least 1; [`SCRUB_BATCH_EVENTS_DEFAULT`] unless
    /// told otherwise.
    pub batch_events: usize,
}

impl Scrub {
    /// Asks for a stream.
    pub fn of(stream: StreamName) -> Self {
        Self { stream, reason: None, batch_events: SCRUB_BATCH_EVENTS_DEFAULT }
    }

    /// Tells why.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// Removes at most so many events and keys in one transaction.
    #[must_use]
    pub fn in_batches_of(self, batch_events: usize) -> Self {
        Self { batch_events, ..self }
    }
}

/// What a scrub removed, or one batch of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// The events that are gone from the log.
    pub events_removed: u64,
    /// The idempotency keys that are forgotten; one that stood for several streams counts once for each.
    pub keys_removed: u64,
    /// Whether nothing is left to remove.
    pub is_done: bool,
}

/// Why a scrub stopped. The batches before are gone; ask again and it goes on where it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrubError {
    /// No stream ever had that name.
    #[error("stream {0} does not exist")]
    StreamNotFound(StreamName),
    /// The stream shows all its events; nothing was removed. Delete, truncate or tombstone it first.
    #[error("stream {0} is neither deleted nor truncated")]
    NotDeleted(StreamName),
    /// No role of the log may remove events yet; nothing was removed. Run `annals db roles --apply`.
    #[error("the log has no role that may scrub; run `annals db roles --apply`")]
    NoScrubber,
    /// The role that is logged in may not scrub; nothing was removed. Use one that was granted the operator's
    /// rights (`annals db roles`).
    #[error("not allowed to scrub stream {0}")]
    NotAllowed(StreamName, #[source] StorageError),
    /// The call is malformed; nothing was removed. The text says why.
    #[error("scrub refused: {0}")]
    Malformed(String),
    /// The storage could not be reached, or broke the connection: the last batch may be done or not. Ask again.
    #[error("event store is not available")]
    Unavailable(#[source] StorageError),
    /// The database failed in another way; this batch removed nothing.
    #[error("scrub of {0} failed")]
    Storage(StreamName, #[source] StorageError),
}

impl ScrubError {
    /// True where the same call may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
