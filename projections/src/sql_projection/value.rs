//! Values of an event in the text that the server reads for a type.
//!
//! Guarantees
//! - a number is sent as it stands in the event, digit by digit;
//! - what is sent says the same under every setting of the session: no date without a year, no time without an offset,
//!   no `now`;
//! - what does not fit one of the types below is refused here. Of types that are not among them the server judges.

use tokio_postgres::types::{Kind, Type};

use super::json_field::{elements, text};
use super::number::{is_decimal, is_float, is_integer};
use super::time::{is_date, is_timestamp, is_timestamptz};

/// A value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unfit;

/// Returns what is sent for a JSON value; nothing for null.
///
/// # Errors
///
/// [`Unfit`] when the value is none of the type.
pub(super) fn sent(json: &str, wanted: &Type) -> Result<Option<String>, Unfit> {
    match wanted.kind() {
        Kind::Domain(of) => return sent(json, of),
        Kind::Array(of) => return array(json, of),
        _ => {}
    }
    let Some(text) = text(json) else { return Ok(None) };
    let fits = match *wanted {
        Type::INT2 => is_integer::<i16>(&text),
        Type::INT4 => is_integer::<i32>(&text),
        Type::INT8 => is_integer::<i64>(&text),
        Type::OID => is_integer::<u32>(&text),
        Type::NUMERIC => is_decimal(&text),
        Type::FLOAT4 => is_float::<f32>(&text),
        Type::FLOAT8 => is_float::<f64>(&text),
        Type::BOOL => matches!(&*text, "true" | "false"),
        Type::UUID => is_uuid(&text),
        Type::TIMESTAMPTZ => is_timestamptz(&text),
        Type::TIMESTAMP => is_timestamp(&text),
        Type::DATE => is_date(&text),
        Type::BYTEA => is_hex(&text),
        Type::JSON | Type::JSONB => return Ok(Some(json.to_owned())),
        _ => match wanted.kind() {
            Kind::Enum(values) => values.iter().any(|value| *value == *text),
            _ => true,
        },
    };
    if fits { Ok(Some(text.into_owned())) } else { Err(Unfit) }
}

/// Returns an array in the server's own notation: `{"a","b",NULL}`. It has one dimension.
fn array(json: &str, of: &Type) -> Result<Option<String>, Unfit> {
    if text(json).is_none() {
        return Ok(None);
    }
    let mut array = String::from("{");
    for (nth, element) in elements(json).ok_or(Unfit)?.into_iter().enumerate() {
        if nth > 0 {
            array.push(',');
        }
        match sent(element, of)? {
            None => array.push_str("NULL"),
            Some(text) => {
                array.push('"');
                array.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
                array.push('"');
            }
        }
    }
    array.push('}');
    Ok(Some(array))
}

/// Eight, four, four, four and twelve hexadecimal digits, with hyphens between or all without.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let is_grouped = groups == [8, 4, 4, 4, 12] || groups == [32];
    is_grouped && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// `\x` and pairs of hexadecimal digits, which is how the server prints bytes.
fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("\\x");
    digits.is_some_and(|digits| {
        digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests;
