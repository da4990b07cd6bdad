//! What a projection is.

use std::future::Future;

use annals_eventstore::{Batch, EventHandler, EventType, HandlerError, HandlerFuture};

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
pub trait Projection: Send + 'static {
    /// Its name, under which its checkpoint is kept.
    const NAME: &'static str;

    /// Its version; a new one has a checkpoint of its own and reads the log from the start. 1 by default.
    const VERSION: i32 = 1;

    /// The tables it owns, as SQL that may run again and again (`create table if not exists …`).
    const TABLES: &'static str;

    /// Tells whether events of a type are of interest; all are by default. The checkpoint moves past others.
    fn wants(event_type: &EventType) -> bool {
        let _ = event_type;
        true
    }

    /// Applies one batch through its transaction.
    ///
    /// # Errors
    ///
    /// Any error rolls the batch back, checkpoint included. After one that waiting may mend (the database
    /// restarts, a deadlock) the batch comes again; any other stops the projection.
    fn apply(&mut self, batch: Batch<'_>) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

/// A projection in the socket of the event store's slot loop.
#[derive(Debug)]
pub(crate) struct ProjectionHandler<P>(pub(crate) P);

impl<P: Projection> EventHandler for ProjectionHandler<P> {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(self.0.apply(batch))
    }
}
