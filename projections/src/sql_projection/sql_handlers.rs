//! A projection in SQL, ready to take batches.

use std::time::Duration;

use annals_eventstore::postgres::SchemaName;
use annals_eventstore::{Batch, EventHandler, HandlerFuture, RecordedEvent};
use tokio_postgres::{Client, Transaction};

use super::apply::apply;
use super::apply_error::ApplyError;
use super::prepare::{PrepareError, prepare};
use super::projection::SqlProjection;

/// How long a statement of a projection may take, unless told otherwise.
pub const STATEMENT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// The statements of a projection, each of them shown to the server.
///
/// # Examples
///
/// ```no_run
/// # use annals_projections::sql_projection::{SqlHandlers, SqlProjection};
/// # async fn example(mut client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let balances = SqlProjection::load("projections/balances")?;
/// balances.set_up(&mut client).await?;
/// let handlers = SqlHandlers::prepare(&mut client, balances).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqlHandlers {
    projection: SqlProjection,
    statement_timeout: Duration,
}

impl SqlHandlers {
    /// Shows every statement to the server; nothing is carried out. The tables must be there
    /// ([`SqlProjection::set_up`]).
    ///
    /// # Errors
    ///
    /// [`PrepareError`] with every statement that the server does not take or that names a table outside of the
    /// projection's schema.
    pub async fn prepare(client: &mut Client, projection: SqlProjection) -> Result<Self, PrepareError> {
        let handlers = Self::unseen(projection);
        handlers.show(client).await?;
        Ok(handlers)
    }

    /// Takes statements that the server is still to be shown.
    pub(crate) fn unseen(projection: SqlProjection) -> Self {
        Self { projection, statement_timeout: STATEMENT_TIMEOUT_DEFAULT }
    }

    /// Shows them to the server.
    pub(crate) async fn show(&self, client: &mut Client) -> Result<(), PrepareError> {
        prepare(client, &self.projection).await
    }

    /// Sets how long the server carries one statement out before it ends it; to wait for a lock, a statement has half
    /// of that. At least 2 ms.
    #[must_use]
    pub fn with_statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { statement_timeout, ..self }
    }

    /// Lets them fill tables in another schema, beside the live ones.
    pub(crate) fn rebuilding(self, schema: SchemaName) -> Self {
        Self { projection: self.projection.in_schema(schema), ..self }
    }

    /// Returns the projection.
    pub fn projection(&self) -> &SqlProjection {
        &self.projection
    }

    /// Applies events, which stand in the order of the log, through a transaction. For the rest of it, its search path
    /// is that of the projection.
    ///
    /// # Errors
    ///
    /// [`ApplyError`]; the transaction is to be rolled back then.
    pub async fn apply(
        &self,
        transaction: &Transaction<'_>,
        events: &[RecordedEvent],
    ) -> Result<(), ApplyError> {
        apply(&self.projection, self.statement_timeout, transaction, events).await
    }
}

impl EventHandler for SqlHandlers {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move { Ok(self.apply(batch.transaction, batch.events).await?) })
    }
}
