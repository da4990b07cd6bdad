//! Single values of `projection.toml`: what they may be, and how they are shown where they are not.

use std::str::FromStr;

use annals_eventstore::postgres::SchemaName;
use toml::de::DeValue;

use super::event_key::EventKey;
use super::fault::ManifestFault;

/// What becomes of an event that cannot be applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// It is parked with all later events of its key, and the others go on: `errors = "park"`. The default.
    #[default]
    Park,
    /// It is passed over: `errors = "skip"`.
    Skip,
    /// The slot stops before it: `errors = "stop"`.
    Stop,
}

pub(super) fn refused(key: &str, wanted: &'static str, value: &DeValue<'_>) -> ManifestFault {
    let found = match value {
        DeValue::String(text) => shown(text),
        DeValue::Integer(number) => number.to_string(),
        other => format!("a value of type {}", other.type_str()),
    };
    ManifestFault::Value { key: key.to_owned(), wanted, found }
}

/// Shows a text, cut short.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

pub(super) fn is_name(value: &DeValue<'_>) -> Option<String> {
    let name = value.as_str()?;
    let may_follow =
        |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || b"_-.".contains(&letter);
    let holds = name.len() <= 48
        && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && name.bytes().all(may_follow);
    holds.then(|| name.to_owned())
}

pub(super) fn whole<T: FromStr + PartialOrd>(
    range: std::ops::RangeInclusive<T>,
) -> impl Fn(&DeValue<'_>) -> Option<T> {
    move |value| {
        let number = value.as_integer().filter(|number| number.radix() == 10)?;
        number.as_str().parse().ok().filter(|number| range.contains(number))
    }
}

pub(super) fn event_key(value: &DeValue<'_>) -> Option<EventKey> {
    value.as_str()?.parse().ok()
}

pub(super) fn error_policy(value: &DeValue<'_>) -> Option<ErrorPolicy> {
    match value.as_str()? {
        "park" => Some(ErrorPolicy::Park),
        "skip" => Some(ErrorPolicy::Skip),
        "stop" => Some(ErrorPolicy::Stop),
        _ => None,
    }
}

pub(super) fn own_schema(name: &str) -> Option<SchemaName> {
    SchemaName::new(name).ok().filter(|name| !["public", "information_schema"].contains(&name.as_str()))
}

/// A file of the folder itself: nothing that leads elsewhere, and not the one that makes the tables.
pub(super) fn is_handler_file(file: &str) -> bool {
    let is_plain = !file.contains(['/', '\\', '\0']) && !file.starts_with('.');
    is_plain && file.ends_with(".sql") && file != "setup.sql"
}
