//! Opening: what has to hold before a log is used.

use deadpool_postgres::{Pool, PoolError};

use super::config::InvalidStoreConfig;
use super::connect::{ConnectError, InvalidConnectOptions};
use super::schema::{MigrateError, SchemaName, require_current};
use super::statements::Statements;
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
    /// The sequence lies behind the events, as after a data-only restore: appending would fill holes behind
    /// readers' cursors. Run `annals db repair`.
    #[error("the log's sequence is at {last_drawn}, its last event at {last_position}: the log needs repair")]
    NeedsRepair {
        /// The last position drawn.
        last_drawn: i64,
        /// The last position used.
        last_position: i64,
    },
    /// The database could not be reached.
    #[error("event store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Checks server, schema and sequence; returns which log it is.
pub(super) async fn examine(
    pool: &Pool,
    statements: &Statements,
    schema: &SchemaName,
) -> Result<Lineage, OpenError> {
    let client = pool.get().await.map_err(unreachable_database)?;
    require_current(&**client, schema).await?;
    let row = client.query_one(&*statements.opening, &[]).await.map_err(MigrateError::from)?;
    let (last_position, last_drawn): (i64, i64) = (row.get("last_position"), row.get("last_drawn"));
    if last_drawn < last_position {
        return Err(OpenError::NeedsRepair { last_drawn, last_position });
    }
    Ok(Lineage(row.get("lineage")))
}

/// Takes the connection's own error out of the pool's.
fn unreachable_database(error: PoolError) -> OpenError {
    OpenError::Unavailable(match error {
        PoolError::Backend(driver) => match ConnectError::out_of(driver) {
            Ok(cause) => cause.into(),
            Err(driver) => driver.into(),
        },
        other => other.into(),
    })
}
