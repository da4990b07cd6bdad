//! The parameters that an SQL file may name.

use std::fmt;
use std::str::FromStr;

use super::token::{Kind, tokens};

/// What an SQL file takes from an event, written `:stream` or `:data.to.account`.
///
/// A field is a name or a number, or anything in double quotes: `:data."valid from"."2024-01-01"`. In an array a number
/// counts from 0.
///
/// # Errors
///
/// `parse` refuses any other text with [`InvalidParameter`].
///
/// # Examples
///
/// ```
/// # use annals_projections::sql_projection::Parameter;
/// let amount: Parameter = ":data.lines.0.amount".parse()?;
/// assert_eq!(amount, Parameter::Data(vec!["lines".into(), "0".into(), "amount".into()]));
/// assert!(":account".parse::<Parameter>().is_err());
/// # Ok::<(), annals_projections::sql_projection::InvalidParameter>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Parameter {
    /// `:stream`, the name of the stream.
    Stream,
    /// `:position`, the position in the log.
    Position,
    /// `:version`, the version in the stream.
    Version,
    /// `:type`, the type of the event.
    Type,
    /// `:recorded_at`, when it was recorded.
    RecordedAt,
    /// `:event_id`, its id.
    EventId,
    /// `:data`, or a field in it.
    Data(Vec<String>),
    /// `:metadata`, or a field in it.
    Metadata(Vec<String>),
}

/// A text that is no parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidParameter {
    /// It names none of them.
    #[error(
        "{0} is no parameter: there are :stream, :position, :version, :type, :recorded_at, :event_id, :data and \
         :metadata; behind the colon of an array slice, write a space"
    )]
    Unknown(String),
    /// It names a field of something that has none.
    #[error("{0} has no fields: only :data and :metadata do")]
    NoFields(String),
}

impl FromStr for Parameter {
    type Err = InvalidParameter;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_one =
            tokens(text).is_ok_and(|tokens| matches!(&tokens[..], [one] if one.kind == Kind::Parameter));
        if !is_one {
            return Err(InvalidParameter::Unknown(text.to_owned()));
        }
        let (root, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
        let fields = fields(rest);
        let plain = match root {
            ":data" => return Ok(Self::Data(fields)),
            ":metadata" => return Ok(Self::Metadata(fields)),
            ":stream" => Self::Stream,
            ":position" => Self::Position,
            ":version" => Self::Version,
            ":type" => Self::Type,
            ":recorded_at" => Self::RecordedAt,
            ":event_id" => Self::EventId,
            _ => return Err(InvalidParameter::Unknown(text.to_owned())),
        };
        if fields.is_empty() { Ok(plain) } else { Err(InvalidParameter::NoFields(root.to_owned())) }
    }
}

/// Splits `.a."b c".d`, which the scanner has found to be well formed.
fn fields(mut rest: &str) -> Vec<String> {
    let mut fields = Vec::new();
    while let Some(behind) = rest.strip_prefix('.') {
        rest = if let Some(quoted) = behind.strip_prefix('"') {
            let end = end_of_quoted(quoted);
            fields.push(quoted[..end].replace("\"\"", "\""));
            quoted.get(end + 1..).unwrap_or_default()
        } else {
            let end = behind.find('.').unwrap_or(behind.len());
            fields.push(behind[..end].to_owned());
            &behind[end..]
        };
    }
    fields
}

fn end_of_quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, fields): (_, &[String]) = match self {
            Self::Stream => (":stream", &[]),
            Self::Position => (":position", &[]),
            Self::Version => (":version", &[]),
            Self::Type => (":type", &[]),
            Self::RecordedAt => (":recorded_at", &[]),
            Self::EventId => (":event_id", &[]),
            Self::Data(fields) => (":data", fields),
            Self::Metadata(fields) => (":metadata", fields),
        };
        f.write_str(root)?;
        for field in fields {
            let is_plain = !field.is_empty()
                && field
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii());
            if is_plain { write!(f, ".{field}")? } else { write!(f, ".\"{}\"", field.replace('"', "\"\""))? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_printed_as_it_is_read() {
        for text in [
            ":stream",
            ":position",
            ":version",
            ":type",
            ":recorded_at",
            ":event_id",
            ":data",
            ":data.a.b_c.0.größe",
            ":metadata.\"a \"\"b\"\".c\".\"\".d",
        ] {
            assert_eq!(text.parse::<Parameter>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_names_no_part_of_an_event_is_refused() {
        for text in [
            "",
            ":",
            ":x",
            ":Data",
            ":data.",
            ":data .a",
            "data",
            ":data.\"a",
            ":data + 1",
            "::data",
            ":stream.a",
        ] {
            text.parse::<Parameter>().expect_err(text);
        }
    }
}
