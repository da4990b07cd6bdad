//! A projection in the socket of the event store's slot loop.

use annals_eventstore::postgres::{InvalidSchemaName, SchemaName, Selector};
use annals_eventstore::{Batch, EventHandler, HandlerFuture, Partition};

use crate::projection::Projection;

/// Hands batches to a projection, with its own schema first in the search path.
#[derive(Debug)]
pub(crate) struct Hosted<P> {
    projection: P,
    search_path: Option<String>,
    is_rebuild: bool,
}

impl<P: Projection> Hosted<P> {
    pub(crate) fn new(projection: P) -> Result<Self, InvalidSchemaName> {
        let search_path = own_schema::<P>()?.as_ref().map(search_path);
        Ok(Self { projection, search_path, is_rebuild: false })
    }

    /// Lets it fill tables beside the live ones.
    pub(crate) fn rebuilding(projection: P, schema: &SchemaName) -> Self {
        Self { projection, search_path: Some(search_path(schema)), is_rebuild: true }
    }
}

impl<P: Projection> EventHandler for Hosted<P> {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            if let Some(search_path) = &self.search_path {
                batch.transaction.batch_execute(search_path).await?;
            }
            self.projection.apply(Batch { is_rebuild: self.is_rebuild, ..batch }).await
        })
    }
}

/// Returns the schema that a projection owns, if it owns one.
pub(crate) fn own_schema<P: Projection>() -> Result<Option<SchemaName>, InvalidSchemaName> {
    P::SCHEMA.map(SchemaName::new).transpose()
}

/// Returns what puts a schema first, for the rest of a transaction.
pub(crate) fn search_path(schema: &SchemaName) -> String {
    format!("set local search_path = \"{schema}\", public")
}

/// Picks what a projection wants of the events that are dealt to one of its slots.
pub(crate) fn selector<P: Projection>(partition: Partition, partitions: u16) -> Selector {
    Box::new(move |event| {
        P::wants(&event.event_type)
            && (partitions == 1 || Partition::of_key(&P::key(event), partitions) == partition)
    })
}
