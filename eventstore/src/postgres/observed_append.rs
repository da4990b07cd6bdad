//! Appends under their span, and what came of them in numbers.
//!
//! Guarantees: each append that was begun is counted once, also where its caller stops waiting for it.
//! Calls come boxed: each layer around a future would hold it once more.

use std::future::Future;

use tracing::field::{Empty, display};
use tracing::{Instrument, Span, debug_span};

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany};
use crate::decisions::{AppendDecisions, AppendedDecisions};
use crate::event::NewEvent;
use crate::telemetry::{APPEND_DURATION, APPEND_EVENTS, APPENDS, AppendOutcome, AppendScope, Stopwatch};

/// Runs an append to one stream.
pub(super) async fn append(
    append: &Append,
    scope: AppendScope,
    call: impl Future<Output = Result<Appended, AppendError>>,
) -> Result<Appended, AppendError> {
    let span = debug_span!(
        "append",
        stream = %append.stream,
        expected = %append.expected,
        events = append.events.len(),
        transaction = scope.as_str(),
        correlation_id = append.events.first().and_then(correlation_of).map(display),
        outcome = Empty,
        to_position = Empty,
    );
    let mut observation = Observation::begin(span, scope, append.events.len());
    let result = call.instrument(observation.span.clone()).await;
    observation.ended(&result, |appended| appended.already_applied);
    if let Ok(appended) = &result {
        observation.span.record("to_position", display(appended.to_position));
    }
    result
}

/// Runs an append to several streams.
pub(super) async fn append_many(
    append: &AppendMany,
    scope: AppendScope,
    call: impl Future<Output = Result<AppendedMany, AppendError>>,
) -> Result<AppendedMany, AppendError> {
    let events = append.events().count();
    let span = debug_span!(
        "append_many",
        streams = append.streams.len(),
        events,
        transaction = scope.as_str(),
        correlation_id = append.events().next().and_then(correlation_of).map(display),
        outcome = Empty,
    );
    let mut observation = Observation::begin(span, scope, events);
    let result = call.instrument(observation.span.clone()).await;
    observation.ended(&result, |appended| appended.already_applied);
    result
}

/// Runs an append of several decisions.
pub(super) async fn append_decisions(
    append: &AppendDecisions,
    scope: AppendScope,
    call: impl Future<Output = Result<AppendedDecisions, AppendError>>,
) -> Result<AppendedDecisions, AppendError> {
    let events = append.events().count();
    let span = debug_span!(
        "append",
        stream = %append.stream,
        expected = %append.expected,
        events,
        transaction = scope.as_str(),
        correlation_id = append.events().next().and_then(correlation_of).map(display),
        outcome = Empty,
        to_position = Empty,
    );
    let mut observation = Observation::begin(span, scope, events);
    let result = call.instrument(observation.span.clone()).await;
    observation.ended(&result, |appended| match appended {
        AppendedDecisions::Stored(receipts) => receipts.iter().any(|receipt| receipt.already_applied),
        AppendedDecisions::UsedBefore(_) => true,
    });
    if let Ok(AppendedDecisions::Stored(receipts)) = &result
        && let Some(last) = receipts.last()
    {
        observation.span.record("to_position", display(last.to_position));
    }
    result
}

fn correlation_of(event: &NewEvent) -> Option<&crate::metadata::CorrelationId> {
    event.metadata.correlation_id.as_ref()
}

/// An append under way; counted when it is dropped.
struct Observation {
    span: Span,
    scope: AppendScope,
    events: usize,
    stopwatch: Stopwatch,
    outcome: AppendOutcome,
}

impl Observation {
    fn begin(span: Span, scope: AppendScope, events: usize) -> Self {
        Self { span, scope, events, stopwatch: Stopwatch::start(), outcome: AppendOutcome::Abandoned }
    }

    fn ended<T>(&mut self, result: &Result<T, AppendError>, already_applied: impl Fn(&T) -> bool) {
        self.outcome = match result {
            Ok(appended) if already_applied(appended) => AppendOutcome::AlreadyApplied,
            Ok(_) => AppendOutcome::Appended,
            Err(error) => outcome(error),
        };
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        APPENDS.count((self.outcome, self.scope));
        APPEND_DURATION.record(self.scope, self.stopwatch.elapsed());
        if self.outcome == AppendOutcome::Appended {
            APPEND_EVENTS.record_count(self.scope, self.events);
        }
        self.span.record("outcome", self.outcome.as_str());
    }
}

fn outcome(error: &AppendError) -> AppendOutcome {
    match error {
        AppendError::WrongVersion { .. } => AppendOutcome::WrongVersion,
        AppendError::StreamNotFound(_) => AppendOutcome::StreamNotFound,
        AppendError::StreamTombstoned(_) => AppendOutcome::Tombstoned,
        AppendError::KeyReused { .. } => AppendOutcome::KeyReused,
        AppendError::KeyCancelled { .. } => AppendOutcome::KeyCancelled,
        AppendError::Claimed { .. } => AppendOutcome::Claimed,
        AppendError::DuplicateEventId(_) => AppendOutcome::DuplicateEventId,
        AppendError::DuplicateStream(_)
        | AppendError::InvalidPayload { .. }
        | AppendError::Sealing { .. }
        | AppendError::Malformed(_) => AppendOutcome::Malformed,
        AppendError::Serialization(..) => AppendOutcome::Serialization,
        AppendError::NeedsRepair(_) => AppendOutcome::NeedsRepair,
        AppendError::NeedsPoolerMode(_) => AppendOutcome::NeedsPoolerMode,
        AppendError::Unavailable(_) => AppendOutcome::Unavailable,
        AppendError::OutcomeUnknown(..) => AppendOutcome::Unknown,
        AppendError::Storage(..) => AppendOutcome::Failed,
    }
}
