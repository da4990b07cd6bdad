//! Events: new ones on their way into the log, and recorded ones on their way out.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event_id::EventId;
use crate::metadata::Metadata;
use crate::payload::{InvalidPayload, Payload};
use crate::position::GlobalPosition;
use crate::stream::StreamName;
use crate::version::Version;

/// The longest name of an event type, in bytes of UTF-8.
pub const EVENT_TYPE_BYTES_MAX: usize = 255;

/// The name of what happened, such as `money-deposited`: 1 to 255 bytes without control characters.
///
/// Names that begin with `$` are reserved for Annals itself. Cheap to clone.
///
/// # Errors
///
/// [`EventType::new`] and `parse` refuse anything else with [`InvalidEventType`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(Arc<str>);

impl EventType {
    /// Takes a name, if it is one.
    ///
    /// # Errors
    ///
    /// [`InvalidEventType`] when it is empty, too long, reserved or holds a control character.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidEventType> {
        let name = name.into();
        let holds = !name.is_empty()
            && name.len() <= EVENT_TYPE_BYTES_MAX
            && !name.starts_with('$')
            && !name.bytes().any(|byte| byte.is_ascii_control());
        if holds { Ok(Self(name)) } else { Err(InvalidEventType(name.to_string())) }
    }

    /// Takes a name that the log itself handed out.
    pub(crate) fn recorded(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no event type. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no event type: 1 to {EVENT_TYPE_BYTES_MAX} bytes, no control character, no `$` in front")]
pub struct InvalidEventType(pub String);

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<EventType> for String {
    fn from(name: EventType) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The version of the shape of an event's data: 1, 2, 3, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(i32);

impl SchemaVersion {
    /// The first shape an event had.
    pub const FIRST: Self = Self(1);

    /// Returns the number.
    pub fn get(self) -> i32 {
        self.0
    }

    /// Takes a version that the log itself handed out.
    pub(crate) fn recorded(version: i32) -> Self {
        Self(version)
    }
}

/// A number that is no schema version. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("schema versions begin at 1, {0} is none")]
pub struct InvalidSchemaVersion(pub i32);

impl TryFrom<i32> for SchemaVersion {
    type Error = InvalidSchemaVersion;

    fn try_from(version: i32) -> Result<Self, Self::Error> {
        if version < 1 { Err(InvalidSchemaVersion(version)) } else { Ok(Self(version)) }
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event to be appended.
///
/// Its id is drawn when it is made. Keep the value and append it again after a failure: the log sees by the
/// ids that it is the same event.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::NewEvent;
/// # use serde_json::json;
/// let deposited = NewEvent::new("money-deposited", &json!({"amount": 10}))?;
/// assert_eq!(deposited.data.as_str(), r#"{"amount":10}"#);
/// # Ok::<(), annals_eventstore::InvalidEvent>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What tells this event from every other.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// The version of the shape of `data`.
    pub schema_version: SchemaVersion,
    /// The facts, as JSON.
    pub data: Payload,
    /// Where it came from.
    pub metadata: Metadata,
}

impl NewEvent {
    /// Makes an event of a type, with a value that is written as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] when the type's name or the JSON is refused.
    pub fn new(event_type: &str, data: &(impl Serialize + ?Sized)) -> Result<Self, InvalidEvent> {
        Ok(Self::of(EventType::new(event_type)?, Payload::encode(data)?))
    }

    /// Makes an event of parts that were checked before.
    pub fn of(event_type: EventType, data: Payload) -> Self {
        Self {
            id: EventId::new(),
            event_type,
            schema_version: SchemaVersion::FIRST,
            data,
            metadata: Metadata::default(),
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(self, id: EventId) -> Self {
        Self { id, ..self }
    }

    /// Sets the version of the data's shape.
    #[must_use]
    pub fn with_schema_version(self, schema_version: SchemaVersion) -> Self {
        Self { schema_version, ..self }
    }

    /// Sets the metadata.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }
}

/// Why something is no event. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// The type's name is refused.
    #[error(transparent)]
    Type(#[from] InvalidEventType),
    /// The data or metadata is refused.
    #[error(transparent)]
    Payload(#[from] InvalidPayload),
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Where it stands in the log of all streams.
    pub position: GlobalPosition,
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its version, counted in its stream from 1.
    pub version: Version,
    /// What tells it from every other event.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// The version of the shape of `data`.
    pub schema_version: SchemaVersion,
    /// The facts, verbatim.
    pub data: Payload,
    /// The metadata, verbatim, when there is any; [`RecordedEvent::metadata`] reads it.
    pub raw_metadata: Option<Payload>,
    /// When it was recorded, by the database's clock.
    pub recorded_at: DateTime<Utc>,
}

impl RecordedEvent {
    /// Reads the metadata; what another writer put there in another shape is found among the headers.
    pub fn metadata(&self) -> Metadata {
        self.raw_metadata.as_ref().map(Metadata::read).unwrap_or_default()
    }
}
