//! What a parameter stands for in an event, and how it goes to the server.

use std::borrow::Cow;
use std::error::Error;

use annals_eventstore::{Payload, RecordedEvent};
use chrono::SecondsFormat;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use super::json_field::field;
use super::parameter::Parameter;
use super::value::sent;
use super::value_error::{ValueError, shown};

/// A value in the server's own text, or null. It suits every type, since the server reads it by the type it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TextValue(Option<String>);

impl ToSql for TextValue {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Returns the values of an event for the parameters of a statement, each in the type that it takes.
///
/// # Errors
///
/// The first value that does not fit.
pub(super) fn values(
    event: &RecordedEvent,
    parameters: &[Parameter],
    types: &[Type],
    file: &str,
) -> Result<Vec<TextValue>, ValueError> {
    let value = |(parameter, wanted): (&Parameter, &Type)| {
        let Some(json) = json(event, parameter) else { return Ok(TextValue(None)) };
        let unfit = |_| ValueError {
            at: event.position,
            parameter: parameter.clone(),
            wanted: wanted.name().to_owned(),
            found: shown(&json),
            file: file.to_owned(),
        };
        sent(&json, wanted).map(TextValue).map_err(unfit)
    };
    parameters.iter().zip(types).map(value).collect()
}

/// Returns what a parameter stands for, as JSON; nothing where a path leads nowhere.
fn json<'e>(event: &'e RecordedEvent, parameter: &Parameter) -> Option<Cow<'e, str>> {
    let quoted = |text: &str| Some(Cow::Owned(serde_json::Value::from(text).to_string()));
    let found = |payload: &'e Payload, path: &[String]| field(payload.as_str(), path).map(Cow::Borrowed);
    match parameter {
        Parameter::Stream => quoted(event.stream.as_str()),
        Parameter::Position => Some(Cow::Owned(event.position.to_string())),
        Parameter::Version => Some(Cow::Owned(event.version.to_string())),
        Parameter::Type => quoted(event.event_type.as_str()),
        Parameter::RecordedAt => quoted(&event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        Parameter::EventId => quoted(&event.id.to_string()),
        Parameter::Data(path) => found(&event.data, path),
        Parameter::Metadata(path) => found(event.raw_metadata.as_ref()?, path),
    }
}

#[cfg(test)]
mod tests;
