//! A handler that rebuilds may not touch the live tables, whatever names it writes out.

use std::sync::Arc;

use annals_eventstore::postgres::SchemaName;
use annals_eventstore::{Batch, Errand, EventHandler, HandlerError, HandlerFuture};
use tokio_postgres::Transaction;

use super::schema::touched;
use crate::statements::Statements;

/// Refuses what a handler does as soon as it has named a table of the live schema.
pub(crate) struct ShadowGuard<H> {
    pub(crate) inner: H,
    pub(crate) statements: Arc<Statements>,
    pub(crate) live: SchemaName,
}

/// The handler reads or writes live tables while it rebuilds. Nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "its handler names {} outright: leave the schema out, the search path leads to the right tables", tables.join(", ")
)]
pub(crate) struct TouchesLive {
    tables: Vec<String>,
}

async fn refuse_touched(
    transaction: &Transaction<'_>,
    statements: &Statements,
    live: &SchemaName,
) -> Result<(), HandlerError> {
    let tables = touched(transaction, statements, live).await?;
    if tables.is_empty() { Ok(()) } else { Err(TouchesLive { tables }.into()) }
}

impl<H: EventHandler> EventHandler for ShadowGuard<H> {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            self.inner.handle(batch).await?;
            refuse_touched(batch.transaction, &self.statements, &self.live).await
        })
    }

    fn run_errand<'a>(&'a mut self, errand: Errand<'a>) -> HandlerFuture<'a, bool> {
        Box::pin(async move {
            let more = self.inner.run_errand(errand).await?;
            refuse_touched(errand.transaction, &self.statements, &self.live).await?;
            Ok(more)
        })
    }
}
