//! A batch of events on its way into the tables of a projection.
//!
//! Guarantees: statements are carried out in the order of the log, many of them on their way at once; events that
//! stand one behind the other and have the same set-based file become one statement; of several statements that fail,
//! the first is told, since those behind it only say that the transaction is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use annals_eventstore::RecordedEvent;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use futures_util::stream::FuturesOrdered;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement, Transaction};

use super::apply_error::{ApplyError, EventRange};
use super::events_relation::EventsRelation;
use super::parameter_value::values;
use super::place::Place;
use super::prepare::refusal;
use super::projection::{HandlerFile, SqlProjection};
use super::session::settings;

/// How many statements are on their way at once.
const PIPELINED: usize = 256;

/// One statement to be carried out: a file, and the events it is for.
struct Step<'e> {
    file: usize,
    events: Vec<&'e RecordedEvent>,
}

impl Step<'_> {
    fn range(&self) -> EventRange {
        let position = |event: Option<&&RecordedEvent>| event.map(|event| event.position).unwrap_or_default();
        EventRange { from: position(self.events.first()), to: position(self.events.last()) }
    }
}

/// Applies a batch through its transaction.
pub(super) async fn apply(
    projection: &SqlProjection,
    limit: Duration,
    transaction: &Transaction<'_>,
    events: &[RecordedEvent],
) -> Result<(), ApplyError> {
    let steps = steps(projection, events);
    require_opened(&steps)?;
    transaction.batch_execute(&settings(projection.schema(), limit)).await?;
    let statements = prepared(projection, limit, transaction, &steps).await?;
    let mut pending = FuturesOrdered::new();
    for step in &steps {
        if pending.len() >= PIPELINED {
            pending.next().await.transpose()?;
        }
        let handler = &projection.files()[step.file];
        pending.push_back(carried_out(handler, limit, transaction, &statements[&step.file], step)?);
    }
    while let Some(answer) = pending.next().await {
        answer?;
    }
    Ok(())
}

/// Divides a batch into statements. Events that the projection does not follow are passed over.
fn steps<'e>(projection: &SqlProjection, events: &'e [RecordedEvent]) -> Vec<Step<'e>> {
    let mut steps: Vec<Step<'e>> = Vec::new();
    for event in events {
        let Some(file) = projection.file_of(&event.event_type) else { continue };
        match steps.last_mut().filter(|last| last.file == file) {
            Some(last) if projection.files()[file].statement.is_set_based() => last.events.push(event),
            _ => steps.push(Step { file, events: vec![event] }),
        }
    }
    steps
}

/// Passes events whose data could be opened, all of them.
fn require_opened(steps: &[Step<'_>]) -> Result<(), ApplyError> {
    for event in steps.iter().flat_map(|step| &step.events) {
        let unopened = |source| ApplyError::Unopened { position: event.position, source };
        event.data.require_readable().map_err(unopened)?;
    }
    Ok(())
}

/// Prepares the statements of a batch. Each batch does so anew: it may have come to another connection, and names that
/// live no longer than a transaction are safe behind a pooler.
async fn prepared(
    projection: &SqlProjection,
    limit: Duration,
    transaction: &Transaction<'_>,
    steps: &[Step<'_>],
) -> Result<BTreeMap<usize, Statement>, ApplyError> {
    let mut firsts: BTreeMap<usize, &Step<'_>> = BTreeMap::new();
    for step in steps {
        firsts.entry(step.file).or_insert(step);
    }
    let prepare = |(file, step): (&usize, &&Step<'_>)| {
        let (file, range, handler) = (*file, step.range(), &projection.files()[*file]);
        let prepared = transaction.prepare(handler.statement.sql());
        async move {
            prepared
                .await
                .map(|statement| (file, statement))
                .map_err(|error| told(error, handler, limit, range))
        }
    };
    join_all(firsts.iter().map(prepare)).await.into_iter().collect()
}

/// Begins to carry a statement out.
///
/// # Errors
///
/// A value that does not fit, before anything is sent.
fn carried_out<'a>(
    handler: &'a HandlerFile,
    limit: Duration,
    transaction: &'a Transaction<'_>,
    statement: &'a Statement,
    step: &'a Step<'_>,
) -> Result<BoxFuture<'a, Result<(), ApplyError>>, ApplyError> {
    let failed = move |error| told(error, handler, limit, step.range());
    if handler.statement.is_set_based() {
        let relation = EventsRelation::of(&step.events);
        let sent = async move { transaction.execute(statement, &relation.parameters()).await };
        return Ok(sent.map(move |answer| answer.map(drop).map_err(failed)).boxed());
    }
    let event = step.events.first().expect("a step has an event");
    let values = values(event, handler.statement.parameters(), statement.params(), &handler.file.path)?;
    let sent = async move {
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        transaction.execute(statement, &values).await
    };
    Ok(sent.map(move |answer| answer.map(drop).map_err(failed)).boxed())
}

/// Tells why a statement failed.
fn told(
    error: Error,
    HandlerFile { file, statement }: &HandlerFile,
    limit: Duration,
    events: EventRange,
) -> ApplyError {
    let is_ended = error.code() == Some(&SqlState::QUERY_CANCELED);
    match refusal(error, file, |character| statement.origin(character)) {
        Err(broken) => ApplyError::Unavailable(broken),
        Ok((_, _, source)) if is_ended => {
            ApplyError::Ended { events, place: Place::top(&file.path), limit, source }
        }
        Ok((place, message, source)) => ApplyError::Statement { events, place, message, source },
    }
}
