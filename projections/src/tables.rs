//! Creating the tables of a projection.

use annals_eventstore::postgres::InvalidSchemaName;
use deadpool_postgres::{Pool, PoolError};

use crate::hosted::{own_schema, search_path};
use crate::projection::Projection;

/// Why the tables of a projection could not be created. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// Its schema has a name that is none.
    #[error("schema of projection {projection} cannot be created")]
    Schema {
        /// The projection.
        projection: &'static str,
        /// What is wrong with the name.
        #[source]
        source: InvalidSchemaName,
    },
    /// The database refused.
    #[error("tables of projection {projection} cannot be created")]
    Refused {
        /// The projection.
        projection: &'static str,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// No connection could be had.
    #[error("no connection to create tables through")]
    Unavailable(#[from] PoolError),
}

/// Creates the tables, one process at a time: `if not exists` alone fails when two try at once.
pub(crate) async fn create_tables<P: Projection>(read_models: &Pool) -> Result<(), TablesError> {
    let projection = P::NAME;
    let named = |source| TablesError::Schema { projection, source };
    let failed = |source| TablesError::Refused { projection, source };
    let schema = own_schema::<P>().map_err(named)?;

    let mut client = read_models.get().await?;
    let transaction = client.transaction().await.map_err(failed)?;
    let lock = "select pg_advisory_xact_lock(1634627169, hashtext($1))";
    transaction.query(lock, &[&format!("projection {projection}")]).await.map_err(failed)?;
    if let Some(schema) = schema {
        let own = format!("create schema if not exists \"{schema}\"; {}", search_path(&schema));
        transaction.batch_execute(&own).await.map_err(failed)?;
    }
    transaction.batch_execute(P::TABLES).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
