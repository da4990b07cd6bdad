//! Starting a projection.

use annals_eventstore::postgres::{CheckpointError, ClaimedCheckpoint, Consumer, Slot};
use annals_eventstore::{Partition, PostgresStore};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use crate::projection::{Projection, ProjectionHandler};
use crate::running::RunningProjection;

/// Why a projection was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its tables could not be created; nothing was changed.
    #[error("tables of projection {projection} cannot be created")]
    Tables {
        /// The projection.
        projection: &'static str,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Its checkpoint could not be claimed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Starts a projection beside the log, in the log's own database.
///
/// Creates its tables, claims its checkpoint – whoever ran it before stops – and follows the log in the
/// background until [`RunningProjection::stop`].
///
/// # Errors
///
/// [`StartError`] when tables or checkpoint cannot be had.
pub async fn start<P: Projection>(
    store: &PostgresStore,
    projection: P,
) -> Result<RunningProjection, StartError> {
    let read_models = store.pool().clone();
    create_tables::<P>(store).await?;
    let consumer = Consumer { name: P::NAME.to_owned(), version: P::VERSION };
    let checkpoint = ClaimedCheckpoint::claim(store, &read_models, consumer, Partition::default()).await?;
    let handler = ProjectionHandler(projection);
    let slot = Slot::new(store, read_models, checkpoint, handler, Box::new(P::wants));

    let (progress, stop) = (slot.progress(), CancellationToken::new());
    let span = info_span!("projection", name = P::NAME, version = P::VERSION);
    let task = tokio::spawn(slot.run(stop.clone()).instrument(span));
    Ok(RunningProjection::new(P::NAME, progress, stop, task))
}

/// Creates the tables, one process at a time: `if not exists` alone fails when two try at once.
async fn create_tables<P: Projection>(store: &PostgresStore) -> Result<(), StartError> {
    let failed = |source| StartError::Tables { projection: P::NAME, source };
    let mut client = store.pool().get().await.map_err(CheckpointError::from)?;
    let transaction = client.transaction().await.map_err(failed)?;
    let lock = "select pg_advisory_xact_lock(1634627169, hashtext($1))";
    transaction.query(lock, &[&format!("projection {}", P::NAME)]).await.map_err(failed)?;
    transaction.batch_execute(P::TABLES).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
