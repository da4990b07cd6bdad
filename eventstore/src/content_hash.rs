//! What an append is about – where, which types, which data; not ids, times or what was expected –, as a hash: what a
//! repetition under a key is compared by where nobody gave a fingerprint.
//!
//! The same as `annals.fingerprint_of` and `annals.fingerprint_of_many` say, byte for byte.

use serde_json::Value;

use crate::append_many::AppendMany;
use crate::event::NewEvent;
use crate::idempotency::Fingerprint;
use crate::stream::StreamName;

/// Hashes what goes into one stream.
pub(crate) fn content_of(stream: &StreamName, events: &[NewEvent]) -> Fingerprint {
    hash(&quoted(stream.as_str()), events.iter())
}

/// Hashes what goes into several streams; those that are only checked are no part of it.
pub(crate) fn content_of_many(append: &AppendMany) -> Fingerprint {
    let parts = append.streams.iter().filter(|part| !part.events.is_empty());
    let parts = parts.map(|part| format!("[{}, {}]", quoted(part.stream.as_str()), part.events.len()));
    let parts: Vec<String> = parts.collect();
    let place = if parts.is_empty() { "null".to_owned() } else { format!("[{}]", parts.join(", ")) };
    hash(&place, append.events())
}

fn hash<'a>(place: &str, events: impl Iterator<Item = &'a NewEvent> + Clone) -> Fingerprint {
    let types = list(events.clone().map(|event| event.event_type.as_str()));
    let payloads = list(events.map(|event| event.data.as_str()));
    Fingerprint::of(format!("[{place}, {types}, {payloads}]"))
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(","))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
