//! Why a runner did not begin to work.

use annals_eventstore::postgres::{CheckpointError, ConnectError, Consumer, MigrateError};

use crate::sql_projection::PrepareError;
use crate::tables::TablesError;

/// Why a runner did not begin to work. No event was applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The database of the read models is not set up: run `annals db migrate`, or
    /// [`migrate_read_models`](annals_eventstore::postgres::migrate_read_models) where the log is in another one.
    #[error("database of the read models is not set up")]
    Schema(#[from] MigrateError),
    /// The name of a projection is one that rebuilds have. Give it another.
    #[error("projection {0:?} has a name that is kept for rebuilds: give it one without `~rebuild-`")]
    ReservedName(String),
    /// A newer version of a projection has taken its tables over: this program is too old. Deploy the newer one, or raise the
    /// version to go back to what it did before.
    #[error("version {by} of projection {} has taken its tables over, and this is version {}", .projection.name, .projection.version)]
    Replaced {
        /// The projection.
        projection: Consumer,
        /// The version that has its tables.
        by: i32,
    },
    /// The database of the read models cannot be reached.
    #[error("database of the read models cannot be reached")]
    Connect(#[from] ConnectError),
    /// The tables of a projection could not be created.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// A projection in SQL is wrong; everything that is wrong with it is told.
    #[error(transparent)]
    Sql(#[from] PrepareError),
    /// The runner or a projection could not be registered.
    #[error("runner could not be registered")]
    Register(#[from] CheckpointError),
}
