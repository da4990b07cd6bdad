//! Appending: the request, the receipt, and every way it can fail.

use std::sync::Arc;

use crate::claim::Claim;
use crate::connection_fault::is_connection_fault;
use crate::event::NewEvent;
use crate::event_id::EventId;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::payload::InvalidPayload;
use crate::position::GlobalPosition;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

/// The cause behind a fault of the storage, as its driver tells it.
pub type StorageError = Box<dyn std::error::Error + Send + Sync>;

/// Events for one stream, and the conditions under which they are stored.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Append, ExpectedVersion, NewEvent};
/// # fn example() -> Result<Append, Box<dyn std::error::Error>> {
/// let opened = NewEvent::new("account-opened", &serde_json::json!({"owner": "Ada"}))?;
/// let append = Append::to("account-7".parse()?, [opened]).expecting(ExpectedVersion::NoStream);
/// # Ok(append)
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Append {
    /// The stream to write to.
    pub stream: StreamName,
    /// What it must look like; anything by default.
    pub expected: ExpectedVersion,
    /// The events, in their order. None at all makes the append do nothing.
    pub events: Vec<NewEvent>,
    /// The name under which a repetition is recognised, if any.
    pub key: Option<IdempotencyKey>,
    /// What a repetition under `key` is compared by; the log's own hash when absent.
    pub fingerprint: Option<Fingerprint>,
}

impl Append {
    /// Asks for events to be appended to a stream, whatever its version.
    pub fn to(stream: StreamName, events: impl IntoIterator<Item = NewEvent>) -> Self {
        Self {
            stream,
            expected: ExpectedVersion::Any,
            events: events.into_iter().collect(),
            key: None,
            fingerprint: None,
        }
    }

    /// Sets what the stream must look like.
    #[must_use]
    pub fn expecting(self, expected: impl Into<ExpectedVersion>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Sets the key under which a repetition is recognised.
    #[must_use]
    pub fn with_key(self, key: impl Into<IdempotencyKey>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Sets what a repetition under the key is compared by.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }

    /// Tells whether sending the append again, unchanged, stores nothing twice.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.key.is_some() || self.expected.is_exact()
    }
}

/// The receipt of an append: which versions and positions its events have.
///
/// The receipt of an empty append ([`Appended::is_empty`]) holds no versions: nothing was touched, not even
/// the expected version was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The version of the first event.
    pub from_version: Version,
    /// The version of the last event, which is the stream's version now.
    pub to_version: Version,
    /// The position of the first event.
    pub from_position: GlobalPosition,
    /// The position of the last event; other streams' events may stand between the two.
    pub to_position: GlobalPosition,
    /// True when the events were there already: an earlier append stored them – or this very one did, lost
    /// its connection before the answer came, and asked again.
    pub already_applied: bool,
}

impl Appended {
    /// The receipt of an append without events.
    pub(crate) const NOTHING: Self = Self {
        from_version: Version::NONE,
        to_version: Version::NONE,
        from_position: GlobalPosition::START,
        to_position: GlobalPosition::START,
        already_applied: false,
    };

    /// Tells whether there was nothing to append.
    pub fn is_empty(&self) -> bool {
        self.to_version == Version::NONE
    }
}

/// Why an append was not confirmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another writer came first; nothing was written. Reload, decide again, retry.
    #[error("stream {stream} is at version {actual}, expected was {expected}")]
    WrongVersion {
        /// The stream that was written to.
        stream: StreamName,
        /// What the caller asked for.
        expected: ExpectedVersion,
        /// What the row said (in REPEATABLE READ and above: as of the transaction's snapshot).
        actual: Version,
    },
    /// The stream was expected to exist and does not; nothing was written.
    #[error("stream {0} does not exist")]
    StreamNotFound(StreamName),
    /// The stream was closed for ever; nothing was written, and nothing ever will be.
    #[error("stream {0} is tombstoned and takes no more events")]
    StreamTombstoned(StreamName),
    /// The key was used before for something else; nothing was written. Use another key.
    #[error("idempotency key {key} was used before with other content")]
    KeyReused {
        /// The key.
        key: IdempotencyKey,
    },
    /// The key was cancelled before it was used; nothing was written, and nothing ever will be under it.
    #[error("idempotency key {key} is cancelled")]
    KeyCancelled {
        /// The key.
        key: IdempotencyKey,
    },
    /// Another stream holds a claim that was to be taken; nothing was written. Take another, or have it released.
    #[error("claim {claim} is held by stream {holder}")]
    Claimed {
        /// The claim.
        claim: Claim,
        /// The stream that holds it.
        holder: StreamName,
    },
    /// One append holds the same event id twice or, where the log requires unique ids, the log holds it
    /// already; nothing was written. Draw one id per event.
    #[error("event id {0} is there already")]
    DuplicateEventId(EventId),
    /// One append to several streams names the same one twice; nothing was written. Put its events together.
    #[error("stream {0} stands twice in one append")]
    DuplicateStream(StreamName),
    /// A payload or its metadata is refused; nothing was written.
    #[error("event {index} of the append is refused")]
    InvalidPayload {
        /// Which event, counted from 0 (through all streams, where there are several).
        index: usize,
        /// What is wrong with it.
        #[source]
        source: InvalidPayload,
    },
    /// The codec of the store could not seal a payload; nothing was written.
    #[error("event {index} of the append cannot be sealed")]
    Sealing {
        /// Which event, counted from 0 (through all streams, where there are several).
        index: usize,
        /// What the codec said.
        #[source]
        source: StorageError,
    },
    /// The database refused the call as malformed; nothing was written. The text says which part.
    #[error("append refused: {0}")]
    Malformed(String),
    /// The transaction met another one (40001, 40P01); nothing was written. Begin a new transaction, reload
    /// and append again. Of an append to several streams the first one is named, here and below.
    #[error("append to {0} met a concurrent transaction")]
    Serialization(StreamName, #[source] StorageError),
    /// The log's sequence lies behind its events; nothing was written, nothing will be until
    /// `annals db repair` has run.
    #[error("log needs repair: {0}")]
    NeedsRepair(String),
    /// The storage could not be reached, takes no writes or no connection now, made the append wait too long, or has
    /// ended the transaction and its connection; nothing was written. Try again later, in a new transaction.
    #[error("event store is not available")]
    Unavailable(#[source] StorageError),
    /// A pooler gave the statement to a session of the server that does not know it, or knows another by its name;
    /// nothing was written. Turn the pooler mode on: `pooler=transaction` in the connection string.
    #[error(
        "a pooler in transaction mode stands before the database; turn the pooler mode on (pooler=transaction)"
    )]
    NeedsPoolerMode(#[source] StorageError),
    /// The connection broke before the append was answered: the events may be there. Retry with the same
    /// idempotency key or, at `NoStream` or an exact version, the same events: what is stored already is not
    /// stored twice. The PostgreSQL store has done so for some seconds before it says this.
    #[error("append to {0} may or may not have happened")]
    OutcomeUnknown(StreamName, #[source] StorageError),
    /// The database failed in another way; nothing was written.
    #[error("append to {0} failed")]
    Storage(StreamName, #[source] StorageError),
}

impl AppendError {
    /// Returns an error that says the same, for one more of those whom an append failed; its cause is the error
    /// itself.
    pub fn shared(self: &Arc<Self>) -> Self {
        let cause = || Box::new(Arc::clone(self)) as StorageError;
        match &**self {
            Self::WrongVersion { stream, expected, actual } => {
                Self::WrongVersion { stream: stream.clone(), expected: *expected, actual: *actual }
            }
            Self::StreamNotFound(stream) => Self::StreamNotFound(stream.clone()),
            Self::StreamTombstoned(stream) => Self::StreamTombstoned(stream.clone()),
            Self::KeyReused { key } => Self::KeyReused { key: *key },
            Self::KeyCancelled { key } => Self::KeyCancelled { key: *key },
            Self::Claimed { claim, holder } => Self::Claimed { claim: claim.clone(), holder: holder.clone() },
            Self::DuplicateEventId(id) => Self::DuplicateEventId(*id),
            Self::DuplicateStream(stream) => Self::DuplicateStream(stream.clone()),
            // The index counts through the events of all.
            Self::InvalidPayload { .. } | Self::Sealing { .. } => Self::Malformed(self.to_string()),
            Self::Malformed(told) => Self::Malformed(told.clone()),
            Self::Serialization(stream, _) => Self::Serialization(stream.clone(), cause()),
            Self::NeedsRepair(told) => Self::NeedsRepair(told.clone()),
            Self::NeedsPoolerMode(_) => Self::NeedsPoolerMode(cause()),
            Self::Unavailable(_) => Self::Unavailable(cause()),
            Self::OutcomeUnknown(stream, _) => Self::OutcomeUnknown(stream.clone(), cause()),
            Self::Storage(stream, _) => Self::Storage(stream.clone(), cause()),
        }
    }

    /// True where the caller should reload the stream and decide anew.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::WrongVersion { .. } | Self::StreamNotFound(_))
    }

    /// True where the same append may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Serialization(..) | Self::Unavailable(_) | Self::OutcomeUnknown(..))
    }

    /// True where the storage was not reached: the connection could not be had or broke, or the server takes none. An
    /// append that is [`AppendError::Unavailable`] because the server made it wait too long, takes no writes or lacks
    /// a right is not among them: the server answered.
    pub fn is_connection_fault(&self) -> bool {
        match self {
            Self::OutcomeUnknown(..) => true,
            Self::Unavailable(cause) => is_connection_fault(&**cause),
            _ => false,
        }
    }
}
