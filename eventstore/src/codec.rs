//! The codec: a domain's own event types on their way into and out of the log.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::event::{EventType, InvalidEvent, NewEvent, RecordedEvent};
use crate::payload::{InvalidPayload, Payload};

/// A domain's events: a plain serde enum.
///
/// The name of a variant is the event's type, what it holds is the data; `#[serde(rename = "…")]` gives a
/// variant an explicit name, which then stays when the Rust name changes.
///
/// # Examples
///
/// ```
/// use annals_eventstore::Event;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// enum AccountEvent {
///     #[serde(rename = "account-opened")]
///     Opened { owner: String },
///     #[serde(rename = "account-closed")]
///     Closed,
/// }
/// impl Event for AccountEvent {}
///
/// let event = AccountEvent::Opened { owner: "Ada".into() }.encode()?;
/// assert_eq!(event.event_type.as_str(), "account-opened");
/// assert_eq!(event.data.as_str(), r#"{"owner":"Ada"}"#);
/// # Ok::<(), annals_eventstore::EncodeError>(())
/// ```
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Writes the event for the log.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when the value is no enum variant or its JSON is refused.
    fn encode(&self) -> Result<NewEvent, EncodeError> {
        let json = Payload::encode(self).map_err(InvalidEvent::from)?;
        // A variant without data is written as its bare name.
        if let Ok(name) = json.decode::<String>() {
            let event_type = EventType::new(name).map_err(InvalidEvent::from)?;
            return Ok(NewEvent::of(event_type, Payload::recorded("null")));
        }
        let variant: BTreeMap<String, &RawValue> =
            serde_json::from_str(json.as_str()).map_err(|_| EncodeError::NotAVariant)?;
        let mut variant = variant.into_iter();
        let (Some((name, data)), None) = (variant.next(), variant.next()) else {
            return Err(EncodeError::NotAVariant);
        };
        let event_type = EventType::new(name).map_err(InvalidEvent::from)?;
        Ok(NewEvent::of(event_type, Payload::recorded(data.get())))
    }

    /// Reads the event back from the log.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a type that is no variant, or data of another shape.
    fn decode(recorded: &RecordedEvent) -> Result<Self, DecodeError> {
        let name = Payload::encode(recorded.event_type.as_str()).map_err(DecodeError::name(recorded))?;
        let json = format!("{{{name}:{}}}", recorded.data);
        serde_json::from_str(&json).map_err(|source| DecodeError::of(recorded, source.into()))
    }
}

/// Why an event of the domain cannot be written. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type serializes as something else than an enum variant.
    #[error("an event serializes as an enum variant: a name, or one name with its data")]
    NotAVariant,
    /// The name or the data is refused.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
}

/// Why a recorded event cannot be read as one of the domain's.
#[derive(Debug, thiserror::Error)]
#[error("event {version} of {stream}, {event_type:?}, cannot be read")]
pub struct DecodeError {
    /// The stream it belongs to.
    pub stream: crate::stream::StreamName,
    /// Its version.
    pub version: crate::version::Version,
    /// Its type.
    pub event_type: EventType,
    /// What is wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DecodeError {
    /// Names the event that cannot be read, and why.
    pub fn of(recorded: &RecordedEvent, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self {
            stream: recorded.stream.clone(),
            version: recorded.version,
            event_type: recorded.event_type.clone(),
            source,
        }
    }

    fn name(recorded: &RecordedEvent) -> impl FnOnce(InvalidPayload) -> Self {
        move |refused| Self::of(recorded, refused.into())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::event::SchemaVersion;
    use crate::position::GlobalPosition;
    use crate::version::Version;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Told {
        #[serde(rename = "told-nothing")]
        Nothing,
        One(u64),
        #[serde(rename = "told-more")]
        More {
            much: String,
        },
    }
    impl Event for Told {}

    fn record(event: &NewEvent) -> RecordedEvent {
        RecordedEvent {
            position: GlobalPosition::START,
            stream: "told-1".parse().unwrap(),
            version: Version::FIRST,
            id: event.id,
            event_type: event.event_type.clone(),
            schema_version: SchemaVersion::FIRST,
            data: event.data.clone(),
            raw_metadata: None,
            recorded_at: chrono::Utc::now(),
        }
    }

    #[test]
    fn every_kind_of_variant_comes_back_as_it_went() {
        for told in [Told::Nothing, Told::One(u64::MAX), Told::More { much: "\"a\"".into() }] {
            assert_eq!(Told::decode(&record(&told.encode().unwrap())).unwrap(), told);
        }
    }

    #[test]
    fn an_unknown_type_is_an_error_that_names_the_event() {
        let stranger = record(&NewEvent::new("told-lies", &1).unwrap());
        let refused = Told::decode(&stranger).expect_err("unknown");
        assert_eq!(refused.to_string(), "event 1 of told-1, \"told-lies\", cannot be read");
    }
}
