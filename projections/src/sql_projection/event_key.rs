//! What an event belongs to.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use annals_eventstore::RecordedEvent;

use super::json_field::{field, text};
use super::parameter::Parameter;

/// By what events are dealt to slots and held up together: their stream, or a field of their data.
///
/// Written `stream`, which is the default, or `data.account`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EventKey {
    /// The stream.
    #[default]
    Stream,
    /// A field of the data; the path to it. Events that lack it belong together, under the empty key.
    Data(Vec<String>),
}

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no key: it is `stream`, or a field such as `data.account`")]
pub struct InvalidEventKey(pub String);

impl EventKey {
    /// Returns what an event belongs to: a text as it is, anything else as JSON.
    pub fn of<'e>(&self, event: &'e RecordedEvent) -> Cow<'e, str> {
        match self {
            Self::Stream => Cow::Borrowed(event.stream.as_str()),
            Self::Data(path) => field(event.data.as_str(), path).and_then(text).unwrap_or_default(),
        }
    }
}

impl FromStr for EventKey {
    type Err = InvalidEventKey;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        match format!(":{key}").parse() {
            Ok(Parameter::Stream) => Ok(Self::Stream),
            Ok(Parameter::Data(path)) if !path.is_empty() => Ok(Self::Data(path)),
            _ => Err(InvalidEventKey(key.to_owned())),
        }
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = match self {
            Self::Stream => Parameter::Stream,
            Self::Data(path) => Parameter::Data(path.clone()),
        };
        f.write_str(parameter.to_string().trim_start_matches(':'))
    }
}
