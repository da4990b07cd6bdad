//! What the cases have in common: streams and events to write, and whole logs to read back.

use std::future::Future;
use std::time::Duration;

use serde_json::json;

use crate::append::Append;
use crate::conformance::failure::{CaseFailure, CaseResult};
use crate::event::{NewEvent, RecordedEvent};
use crate::event_id::EventId;
use crate::read::StreamQuery;
use crate::store::EventStore;
use crate::stream::StreamName;

/// How long a promise may take before it counts as broken. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("the suite writes to well-formed streams")
}

/// An event that carries a number.
pub(super) fn counted(n: usize) -> NewEvent {
    NewEvent::new("counted", &json!({"n": n})).expect("a number is a payload")
}

/// Events that carry the numbers from 1 on.
pub(super) fn counted_to(n: usize) -> Vec<NewEvent> {
    (1..=n).map(counted).collect()
}

/// An append of so many events, whatever the stream's version.
pub(super) fn append(name: &str, events: usize) -> Append {
    Append::to(stream(name), counted_to(events))
}

/// Waits for a promise, and fails the case where it is never kept.
pub(super) async fn within<T>(promise: impl Future<Output = CaseResult<T>>, told: &str) -> CaseResult<T> {
    match tokio::time::timeout(PATIENCE, promise).await {
        Ok(kept) => kept,
        Err(_) => Err(CaseFailure::new(format!("{told}: did not happen within {PATIENCE:?}"))),
    }
}

/// Reads all events of a stream in one page.
pub(super) async fn whole_stream<S: EventStore>(
    store: &S,
    stream: &StreamName,
) -> CaseResult<Vec<RecordedEvent>> {
    Ok(store.read_stream(stream, StreamQuery::forward().limit(1_000_000)).await?)
}

pub(super) fn ids_of(events: &[NewEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(super) fn recorded_ids_of(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(super) fn versions_of(events: &[RecordedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.version.get()).collect()
}
