//! What a projection is.

use std::borrow::Cow;
use std::future::Future;

use annals_eventstore::{Batch, EventFilter, EventType, HandlerError, RecordedEvent};

use crate::parking::PoisonPolicy;

/// A read model and how it follows from events.
///
/// # Examples
///
/// ```
/// use annals_eventstore::{Batch, EventType, HandlerError};
/// use annals_projections::Projection;
///
/// /// How often each kind of event happened.
/// struct Counts;
///
/// impl Projection for Counts {
///     const NAME: &'static str = "counts";
///     const TABLES: &'static str =
///         "create table if not exists counts (event_type text primary key, events bigint not null)";
///
///     async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
///         let types: Vec<&str> = batch.events.iter().map(|event| event.event_type.as_str()).collect();
///         // One statement for the whole batch, whatever its size.
///         let sql = "insert into counts select kind, count(*) from unnest($1::text[]) as kind group by kind
///                    on conflict (event_type) do update set events = counts.events + excluded.events";
///         batch.transaction.execute(sql, &[&types]).await?;
///         Ok(())
///     }
/// }
/// ```
///
/// Event by event, with [`Handlers`](crate::Handlers).
pub trait Projection: Send + 'static {
    /// Its name, under which its checkpoint is kept.
    const NAME: &'static str;

    /// Its version; a new one has a checkpoint of its own and reads the log from the start. 1 by default.
    const VERSION: i32 = 1;

    /// The slots that its events are dealt to by [`Projection::key`], each with a checkpoint of its own; 1 by default.
    /// So many runners can work on it at once. Counts when the projection is first registered, and not afterwards.
    const PARTITIONS: u16 = 1;

    /// The database schema that it owns; none by default. It is created, and stands first in the search path of
    /// [`Projection::TABLES`] and of every batch.
    const SCHEMA: Option<&'static str> = None;

    /// The tables it owns, as SQL that may run again and again (`create table if not exists …`).
    const TABLES: &'static str;

    /// Tells which events it follows: streams, categories, types; all by default. The checkpoint moves past others.
    fn filter() -> EventFilter {
        EventFilter::all()
    }

    /// Tells whether events of a type are of interest; all are by default. The checkpoint moves past others.
    fn wants(event_type: &EventType) -> bool {
        let _ = event_type;
        true
    }

    /// Tells what an event belongs to: events of one key are applied in their order, and one that cannot be applied
    /// holds up those of its key alone. The stream by default.
    fn key(event: &RecordedEvent) -> Cow<'_, str> {
        Cow::Borrowed(event.stream.as_str())
    }

    /// Tells what becomes of an event that cannot be applied, in a [`Runner`](crate::Runner): parked with all later
    /// events of its key, by default.
    fn on_poison() -> PoisonPolicy {
        PoisonPolicy::default()
    }

    /// Applies one batch through its transaction.
    ///
    /// # Errors
    ///
    /// Any error rolls the batch back, checkpoint included. After one that waiting may mend (the database
    /// restarts, a deadlock) the batch comes again; what becomes of any other is up to whoever runs the projection:
    /// [`start`](crate::start()) stops it, a runner does what [`Projection::on_poison`] says. In a runner so are a panic, and
    /// what a deferred constraint finds, errors of the events that it came from.
    fn apply(&mut self, batch: Batch<'_>) -> impl Future<Output = Result<(), HandlerError>> + Send;
}
