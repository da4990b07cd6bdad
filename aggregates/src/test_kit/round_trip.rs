//! The way of an event into the log and out again, without a log.

use annals_eventstore::{Event, GlobalPosition, NewEvent, RecordedEvent, Version};
use chrono::DateTime;

use crate::aggregate::Aggregate;

/// Writes an event and reads it back.
///
/// # Panics
///
/// When it cannot be written, cannot be read, or is not the same afterwards.
#[track_caller]
pub(super) fn round_trip<A: Aggregate>(event: &A::Event) -> A::Event {
    let written = encode(event);
    let read = match A::Event::decode(&record::<A>(&written)) {
        Ok(read) => read.only(),
        Err(fault) => panic!(
            "event {} is written as {} and cannot be read back: {}",
            written.event_type, written.data, fault.source
        ),
    };
    let Some(read) = read else {
        panic!("event {} is not read back as one event: its version is retired", written.event_type)
    };
    let again = encode(&read);
    assert!(
        written.event_type == again.event_type && same_but_for_order(&written, &again),
        "an event is not read back as it was written (- written, + read back)\n  - {} {}\n  + {} {}",
        written.event_type,
        written.data,
        again.event_type,
        again.data,
    );
    read
}

/// Compares what stands in the JSON and not in which order: maps and sets of Rust have none.
fn same_but_for_order(one: &NewEvent, other: &NewEvent) -> bool {
    let sorted = |event: &NewEvent| {
        let mut bytes = event.data.as_str().as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    sorted(one) == sorted(other)
}

#[track_caller]
fn encode(event: &impl Event) -> NewEvent {
    match event.encode() {
        Ok(written) => written,
        Err(fault) => panic!("an event cannot be written: {fault}"),
    }
}

#[track_caller]
fn record<A: Aggregate>(event: &NewEvent) -> RecordedEvent {
    RecordedEvent {
        position: GlobalPosition::START,
        stream: format!("{}-1", A::CATEGORY).parse().expect("the category makes a stream name"),
        version: Version::FIRST,
        id: event.id,
        event_type: event.event_type.clone(),
        schema_version: event.schema_version,
        data: event.data.clone(),
        raw_metadata: None,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}
