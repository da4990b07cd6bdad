//! An event as the verbs that read events write it.

use annals_eventstore::{Payload, RecordedEvent};
use annals_runner::cli::{Outcome, Output};
use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::value::RawValue;

/// Writes one event.
pub(crate) fn write_event(output: &mut Output, event: &RecordedEvent) -> Outcome {
    let colours = output.colours();
    output.record(&EventRow::of(event), || event_line(event, colours))
}

/// An event with the column names of `annals.read_all`.
#[derive(Debug, Serialize)]
struct EventRow<'a> {
    position: i64,
    stream: &'a str,
    version: i64,
    event_id: String,
    event_type: &'a str,
    schema_version: i32,
    data: Box<RawValue>,
    metadata: Option<Box<RawValue>>,
    recorded_at: String,
}

impl<'a> EventRow<'a> {
    fn of(event: &'a RecordedEvent) -> Self {
        Self {
            position: event.position.into(),
            stream: event.stream.as_str(),
            version: event.version.get(),
            event_id: event.id.to_string(),
            event_type: event.event_type.as_str(),
            schema_version: event.schema_version.get(),
            data: verbatim(&event.data),
            metadata: event.raw_metadata.as_ref().map(verbatim),
            recorded_at: event.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }
}

/// JSON as it is stored, except that it stays on one line.
fn verbatim(payload: &Payload) -> Box<RawValue> {
    RawValue::from_string(on_one_line(payload)).expect("what the log holds is JSON")
}

/// A line break in JSON can only stand between its parts, where a blank means the same.
fn on_one_line(payload: &Payload) -> String {
    payload.as_str().replace(['\n', '\r'], " ")
}

fn event_line(event: &RecordedEvent, colours: bool) -> String {
    let paint = |code: &str, text: String| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
    let place = format!("{}@{}", event.stream, event.version);
    format!(
        "{:>8}  {place:<20}  {}  {}  {}",
        i64::from(event.position),
        paint("1", format!("{:<20}", event.event_type)),
        paint("2", event.recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        on_one_line(&event.data),
    )
}
