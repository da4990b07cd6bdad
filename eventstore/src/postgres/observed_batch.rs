//! Batches under their span, and what came of them in numbers.

use std::sync::Arc;

use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::checkpoint::{CheckpointError, Consumer};
use super::slot_error::SlotError;
use crate::checkpoint::Partition;
use crate::tailer::EventPage;
use crate::telemetry::{
    BatchOutcome, CHECKPOINT_LAG, CHECKPOINT_POSITION, OfBatch, OfConsumer, SLOT_BATCH_EVENTS, SLOT_BATCHES,
    SLOT_COMMIT, SLOT_DURATION, SLOT_EVENTS, Stopwatch,
};

/// Observes the batches of one slot.
#[derive(Debug)]
pub(super) struct BatchObserver {
    consumer: OfConsumer,
    partition: Partition,
}

/// A batch under way.
#[derive(Debug)]
pub(super) struct BatchObservation {
    consumer: OfConsumer,
    span: Span,
    stopwatch: Stopwatch,
}

impl BatchObserver {
    pub(super) fn of(consumer: &Consumer, partition: Partition) -> Self {
        Self::named(&consumer.name, partition)
    }

    /// Observes them under another name.
    pub(super) fn named(consumer: &str, partition: Partition) -> Self {
        Self { consumer: OfConsumer(Arc::from(consumer)), partition }
    }

    /// Begins a batch.
    pub(super) fn begin(&self, page: &EventPage) -> BatchObservation {
        let span = debug_span!(
            "batch",
            consumer = &*self.consumer.0,
            partition = self.partition.0,
            events = Empty,
            from = page.events().next().map(|event| display(event.position)),
            to = %page.settled_to(),
            woken_by = debug(page.woken_by()),
            outcome = Empty,
        );
        BatchObservation { consumer: self.consumer.clone(), span, stopwatch: Stopwatch::start() }
    }

    /// Tells how long a commit took.
    pub(super) fn committed(&self, stopwatch: Stopwatch) {
        SLOT_COMMIT.record(self.consumer.clone(), stopwatch.elapsed());
    }
}

impl BatchObservation {
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Ends the batch with the number of events that were wanted of it, or with what went wrong.
    pub(super) fn ended(self, page: &EventPage, applied: &Result<usize, SlotError>) {
        let Self { consumer, span, stopwatch } = self;
        let outcome = match applied {
            Ok(_) => BatchOutcome::Applied,
            Err(SlotError::Checkpoint(CheckpointError::TakenOver { .. })) => BatchOutcome::TakenOver,
            Err(SlotError::Handler { .. }) => BatchOutcome::HandlerFailed,
            Err(_) => BatchOutcome::Failed,
        };
        span.record("outcome", outcome.as_str());
        if let Ok(events) = *applied {
            span.record("events", events);
            let (head, position) = (i64::from(page.head()), i64::from(page.settled_to()));
            CHECKPOINT_POSITION.set_count(consumer.clone(), position);
            CHECKPOINT_LAG.set_count(consumer.clone(), (head - position).max(0));
            SLOT_EVENTS.add(consumer.clone(), events);
            SLOT_BATCH_EVENTS.record_count(consumer.clone(), events);
        }
        SLOT_DURATION.record(consumer.clone(), stopwatch.elapsed());
        SLOT_BATCHES.count(OfBatch(consumer, outcome));
    }
}
