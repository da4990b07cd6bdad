//! Opening: what has to hold before a log is used.

use deadpool_postgres::PoolError;

use super::config::InvalidStoreConfig;
use super::connect::{ConnectError, ConnectFault, InvalidConnectOptions};
use super::fault::{is_strange_statement, is_transient};
use super::schema::{MigrateError, SchemaName, require_current, require_server};
use super::session::Session;
use crate::checkpoint::Lineage;

/// Why a log was not opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The configuration is refused.
    #[error(transparent)]
    Config(#[from] InvalidStoreConfig),
    /// The connection string is refused.
    #[error(transparent)]
    Options(#[from] InvalidConnectOptions),
    /// The schema is absent, too old, too new or damaged, or the server is not fit.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// Positions cannot be drawn safely: the sequence lies behind the events, as after a restore of the rows alone, or
    /// was altered. Run `annals db repair`.
    #[error("the log needs repair: {found}")]
    NeedsRepair {
        /// What was found; [`examine_log`](super::examine_log) tells it in parts.
        found: String,
    },
    /// A pooler in transaction mode stands before the database. Turn the pooler mode on: `pooler=transaction` in the
    /// connection string.
    #[error(
        "a pooler in transaction mode stands before the database; turn the pooler mode on (pooler=transaction)"
    )]
    NeedsPoolerMode(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database could not be reached, or its connection was lost or fell silent meanwhile.
    #[error("event store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Checks server, schema and sequence; returns which log it is.
pub(super) async fn examine(session: &Session, schema: &SchemaName) -> Result<Lineage, OpenError> {
    let client = session.client().await.map_err(unreachable_database)?;
    // First, so that whoever has an old server is not told to migrate it.
    client.in_time(require_server(&***client)).await.map_err(unfit_database)?;
    client.in_time(require_current(&***client, schema)).await.map_err(unfit_database)?;
    let opening = session.manner.query(&client, &session.statements.opening, &[]).await;
    let rows = opening.map_err(|error| match error.as_db_error().is_some_and(is_strange_statement) {
        true => OpenError::NeedsPoolerMode(error.into()),
        false => unfit_database(error.into()),
    })?;
    let row = rows.first().expect("a query without a table gives a row");
    if let Some(found) = row.get("fault") {
        return Err(OpenError::NeedsRepair { found });
    }
    Ok(Lineage(row.get("lineage")))
}

/// Tells a database that cannot be asked now from one that cannot hold the log.
fn unfit_database(error: MigrateError) -> OpenError {
    match error {
        MigrateError::Database(cause) if is_transient(&cause) => OpenError::Unavailable(cause.into()),
        other => other.into(),
    }
}

/// Takes the connection's own error out of the pool's.
fn unreachable_database(error: PoolError) -> OpenError {
    let PoolError::Backend(driver) = error else { return OpenError::Unavailable(error.into()) };
    match ConnectError::out_of(driver) {
        Ok(cause) if matches!(cause.fault, ConnectFault::NeedsPoolerMode(_)) => {
            OpenError::NeedsPoolerMode(cause.into())
        }
        Ok(cause) => OpenError::Unavailable(cause.into()),
        Err(driver) => OpenError::Unavailable(driver.into()),
    }
}
