//! Metadata: where an event came from, apart from what it says.

use std::fmt;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::event_id::EventId;
use crate::payload::{InvalidPayload, Payload};

/// What belongs together: every command and event of one conversation carries the same id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CorrelationId(String);

/// What led to this: the id of the command or event that caused it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CausationId(String);

macro_rules! text_id {
    ($id:ident) => {
        impl $id {
            /// Takes any text as the id.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<Uuid> for $id {
            fn from(id: Uuid) -> Self {
                Self(id.to_string())
            }
        }

        impl From<EventId> for $id {
            fn from(id: EventId) -> Self {
                Self(id.to_string())
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

text_id!(CorrelationId);
text_id!(CausationId);

/// The metadata of an event: a JSON object with a few names of its own and free headers beside them.
///
/// Empty metadata takes no room in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `correlation_id`: the conversation.
    pub correlation_id: Option<CorrelationId>,
    /// `causation_id`: the command or event before this one.
    pub causation_id: Option<CausationId>,
    /// `traceparent`: the trace of the writer, as W3C Trace Context writes it.
    pub traceparent: Option<String>,
    /// `actor`: who asked for it.
    pub actor: Option<String>,
    /// Everything else.
    pub headers: Map<String, Value>,
}

const CORRELATION_ID: &str = "correlation_id";
const CAUSATION_ID: &str = "causation_id";
const TRACEPARENT: &str = "traceparent";
const ACTOR: &str = "actor";

impl Metadata {
    /// Tells whether there is nothing to keep.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads metadata of any origin: a known name with another shape stays among the headers.
    pub fn read(json: &Payload) -> Self {
        let mut headers = match json.decode::<Value>() {
            Ok(Value::Object(headers)) => headers,
            Ok(other) => Map::from_iter([("metadata".to_owned(), other)]),
            Err(_) => Map::new(),
        };
        let mut text = |name: &str| match headers.remove(name) {
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                headers.insert(name.to_owned(), other);
                None
            }
            None => None,
        };
        Self {
            correlation_id: text(CORRELATION_ID).map(CorrelationId),
            causation_id: text(CAUSATION_ID).map(CausationId),
            traceparent: text(TRACEPARENT),
            actor: text(ACTOR),
            headers,
        }
    }

    /// Writes the metadata as JSON; nothing when it is empty.
    ///
    /// # Errors
    ///
    /// [`InvalidPayload`] when a text holds what no payload may hold.
    pub fn encode(&self) -> Result<Option<Payload>, InvalidPayload> {
        if self.is_empty() {
            return Ok(None);
        }
        let mut object = self.headers.clone();
        let known = [
            (CORRELATION_ID, self.correlation_id.as_ref().map(CorrelationId::as_str)),
            (CAUSATION_ID, self.causation_id.as_ref().map(CausationId::as_str)),
            (TRACEPARENT, self.traceparent.as_deref()),
            (ACTOR, self.actor.as_deref()),
        ];
        for (name, text) in known {
            if let Some(text) = text {
                object.insert(name.to_owned(), Value::from(text));
            }
        }
        Payload::encode(&object).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_as_it_went() {
        let metadata = Metadata {
            correlation_id: Some(CorrelationId::new("order-1")),
            causation_id: Some(EventId::new().into()),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
            actor: Some("teller".into()),
            headers: Map::from_iter([("tenant".into(), Value::from(7))]),
        };

        let json = metadata.encode().unwrap().expect("there is something to keep");

        assert_eq!(Metadata::read(&json), metadata);
        assert_eq!(Metadata::default().encode().unwrap(), None);
    }

    #[test]
    fn a_known_name_of_another_shape_is_kept_among_the_headers() {
        let read = Metadata::read(&Payload::from_json(r#"{"correlation_id": 7, "actor": "me"}"#).unwrap());
        assert_eq!(read.correlation_id, None);
        assert_eq!(read.headers["correlation_id"], Value::from(7));
        assert_eq!(read.actor.as_deref(), Some("me"));
    }
}
