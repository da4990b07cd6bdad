//! The codec hook: payloads change on their way into the log and back, where data has to be encrypted.
//!
//! Guarantees
//! - what the hook makes of a payload is what is stored, to the byte; names, versions, ids, metadata stay as they are;
//! - a repetition under a key is recognised by what was sealed, not by what came of it, which may differ each time;
//! - a payload that cannot be opened comes back as it is stored, and whoever decodes it learns why.

use std::fmt;
use std::sync::Arc;

use crate::append::StorageError;
use crate::event::{EventType, SchemaVersion};
use crate::event_id::EventId;
use crate::payload::Payload;
use crate::snapshot::SnapshotKind;
use crate::stream::StreamName;
use crate::version::Version;

/// What stands in the log in place of an application's JSON: data of events, and states of snapshots.
///
/// What `seal` gives is JSON again, such as a string of ciphertext in base64 with the name of its key. A log that was
/// begun without a codec is read on where `open` gives back what was never sealed. Bind the ciphertext to its
/// [`PayloadOf`], so that it is worth nothing in another place.
///
/// Both are called for each payload by whatever task appends or reads, in the middle of its work: they must not block.
/// Keys that come from elsewhere are fetched beforehand. Where a key is gone for good (the data of a person was
/// erased by throwing it away) `open` may give what is left, `null` for one; an error leaves the event to be decided
/// on by whoever reads it: a projection parks its key.
///
/// Metadata is not sealed, and what SQL reads from the log is what is stored: SQL-declared projections run in a process
/// that has the codec, `annals events tail` has none.
///
/// # Examples
///
/// ```
/// use annals_eventstore::{MemoryStore, Payload, PayloadCodec, PayloadCoding, PayloadOf, StorageError};
///
/// /// Hides payloads from passers-by, and from nobody else.
/// struct Reversed;
///
/// impl PayloadCodec for Reversed {
///     fn seal(&self, _: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError> {
///         Ok(Payload::encode(&payload.as_str().chars().rev().collect::<String>())?)
///     }
///
///     fn open(&self, _: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError> {
///         Ok(Payload::from_json(payload.decode::<String>()?.chars().rev().collect::<String>())?)
///     }
/// }
///
/// let store = MemoryStore::new().with_codec(PayloadCoding::with(Reversed));
/// ```
pub trait PayloadCodec: Send + Sync + 'static {
    /// Makes of a payload what is stored.
    ///
    /// # Errors
    ///
    /// Any; nothing is written then.
    fn seal(&self, of: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError>;

    /// Makes of what is stored what it was.
    ///
    /// # Errors
    ///
    /// Any; whoever decodes the payload gets its text.
    fn open(&self, of: PayloadOf<'_>, payload: &Payload) -> Result<Payload, StorageError>;
}

/// What a payload belongs to; the same when it is sealed and when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadOf<'a> {
    /// It is the data of an event.
    Event {
        /// Its stream.
        stream: &'a StreamName,
        /// Its id.
        id: EventId,
        /// Its type.
        event_type: &'a EventType,
        /// The version of the shape of the data.
        schema_version: SchemaVersion,
    },
    /// It is a state that is kept as a snapshot.
    Snapshot {
        /// Whose state.
        stream: &'a StreamName,
        /// What it is, and in which shape.
        kind: &'a SnapshotKind,
        /// The version of the last event in it.
        version: Version,
    },
}

impl<'a> PayloadOf<'a> {
    /// Returns the stream, by which keys are mostly told apart.
    pub fn stream(self) -> &'a StreamName {
        match self {
            Self::Event { stream, .. } | Self::Snapshot { stream, .. } => stream,
        }
    }
}

/// The codec of a store, or none. Cheap to clone.
#[derive(Clone, Default)]
pub struct PayloadCoding(Option<Arc<dyn PayloadCodec>>);

impl PayloadCoding {
    /// Payloads are stored as they are: the default.
    pub fn none() -> Self {
        Self::default()
    }

    /// Payloads are stored as a codec makes them.
    pub fn with(codec: impl PayloadCodec) -> Self {
        Self(Some(Arc::new(codec)))
    }

    pub(crate) fn codec(&self) -> Option<&dyn PayloadCodec> {
        self.0.as_deref()
    }
}

impl fmt::Debug for PayloadCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A codec may hold keys.
        f.write_str(if self.0.is_some() { "PayloadCoding(a codec)" } else { "PayloadCoding(none)" })
    }
}
