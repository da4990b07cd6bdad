//! Reads under their span, and what came of them in numbers.
//!
//! Calls come boxed: each layer around a future would hold it once more.

use std::future::Future;

use tracing::field::{Empty, display};
use tracing::{Instrument, Span, debug_span};

use crate::event::RecordedEvent;
use crate::position::GlobalPosition;
use crate::read::{Direction, LogPage, ReadError, StreamInfo, StreamTail};
use crate::stream::StreamName;
use crate::telemetry::{READ_DURATION, READ_EVENTS, READS, Read, ReadOutcome, Stopwatch};
use crate::version::Version;

/// Reads a page of a stream.
pub(super) async fn read_stream(
    stream: &StreamName,
    call: impl Future<Output = Result<Vec<RecordedEvent>, ReadError>>,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let span = debug_span!("read_stream", %stream, events = Empty, outcome = Empty);
    let result = observed(Read::Stream, &span, call).await;
    if let Ok(events) = &result {
        told(Read::Stream, &span, events.len());
    }
    result
}

/// Reads what stands in a stream behind a version.
pub(super) async fn read_tail(
    stream: &StreamName,
    after: Version,
    call: impl Future<Output = Result<StreamTail, ReadError>>,
) -> Result<StreamTail, ReadError> {
    let span = debug_span!("read_tail", %stream, %after, events = Empty, outcome = Empty);
    let result = observed(Read::Tail, &span, call).await;
    if let Ok(tail) = &result {
        told(Read::Tail, &span, tail.events.len());
    }
    result
}

/// Reads a page of the log.
pub(super) async fn read_log(
    from: GlobalPosition,
    direction: Direction,
    call: impl Future<Output = Result<LogPage, ReadError>>,
) -> Result<LogPage, ReadError> {
    let (read, direction) = match direction {
        Direction::Forward => (Read::Log, "forward"),
        Direction::Backward => (Read::LogBackward, "backward"),
    };
    let span = debug_span!(
        "read_log",
        %from,
        direction,
        events = Empty,
        settled_to = Empty,
        held_back = Empty,
        outcome = Empty,
    );
    let result = observed(read, &span, call).await;
    if let Ok(page) = &result {
        told(read, &span, page.events.len());
        span.record("settled_to", display(page.settled_to)).record("held_back", page.held_back.is_some());
    }
    result
}

/// Asks what is known of a stream.
pub(super) async fn stream_info(
    stream: &StreamName,
    call: impl Future<Output = Result<StreamInfo, ReadError>>,
) -> Result<StreamInfo, ReadError> {
    let span = debug_span!("stream_info", %stream, outcome = Empty);
    observed(Read::StreamInfo, &span, call).await
}

/// Lists a page of streams.
pub(super) async fn list_streams(
    call: impl Future<Output = Result<Vec<StreamInfo>, ReadError>>,
) -> Result<Vec<StreamInfo>, ReadError> {
    let span = debug_span!("list_streams", streams = Empty, outcome = Empty);
    let result = observed(Read::StreamList, &span, call).await;
    if let Ok(streams) = &result {
        span.record("streams", streams.len());
    }
    result
}

/// Counts and times a read that comes to its end.
async fn observed<T>(
    read: Read,
    span: &Span,
    call: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ReadError> {
    let stopwatch = Stopwatch::start();
    let result = call.instrument(span.clone()).await;
    let outcome = match &result {
        Ok(_) => ReadOutcome::Read,
        Err(ReadError::StreamNotFound(_) | ReadError::StreamDeleted(_)) => ReadOutcome::NotFound,
        Err(ReadError::Unavailable(_)) => ReadOutcome::Unavailable,
        Err(_) => ReadOutcome::Failed,
    };
    READS.count((read, outcome));
    READ_DURATION.record(read, stopwatch.elapsed());
    span.record("outcome", outcome.as_str());
    result
}

fn told(read: Read, span: &Span, events: usize) {
    READ_EVENTS.add(read, events);
    span.record("events", events);
}
