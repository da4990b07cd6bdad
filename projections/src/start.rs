//! Starting a projection.

use annals_eventstore::postgres::{CheckpointError, ClaimedCheckpoint, Consumer, Leases, Slot};
use annals_eventstore::{Partition, PostgresStore};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use crate::hosted::{Hosted, selector};
use crate::projection::Projection;
use crate::rebuild::{Tables, is_reserved, tables_in};
use crate::running::RunningProjection;
use crate::statements::Statements;
use crate::tables::{TablesError, create_tables};

/// Why a projection was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its tables could not be created; nothing was changed.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// It is dealt to several slots, or was when it was first registered, and each of them wants a projection of its own: a runner gives it one. Nothing was
    /// changed.
    #[error("projection {projection} has {partitions} slots; host it in a runner")]
    Partitioned {
        /// The projection.
        projection: &'static str,
        /// Its slots.
        partitions: u16,
    },
    /// Its name is one that rebuilds have. Give it another.
    #[error("projection {0:?} has a name that is kept for rebuilds: give it one without `~rebuild-`")]
    ReservedName(&'static str),
    /// Its schema has the tables of another version. Nothing was changed: host it in a runner, which builds a newer version
    /// beside the older one; reset it, or give it another schema.
    #[error(
        "the tables in the schema of projection {projection} are those of version {of}; a runner builds a newer version beside it"
    )]
    OtherVersion {
        /// The projection.
        projection: &'static str,
        /// The version whose tables they are.
        of: i32,
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
    if P::PARTITIONS != 1 {
        return Err(StartError::Partitioned { projection: P::NAME, partitions: P::PARTITIONS });
    }
    let read_models = store.pool().clone();
    let named = |source| TablesError::Schema { projection: P::NAME, source };
    let handler = Hosted::new(projection).map_err(named)?;
    let consumer = Consumer { name: P::NAME.to_owned(), version: P::VERSION };
    if is_reserved(P::NAME) {
        return Err(StartError::ReservedName(P::NAME));
    }
    let statements = Statements::new(&store.config().schema);
    if let Tables::Older(of) | Tables::Newer(of) =
        tables_in(&read_models, &statements, &consumer, P::SCHEMA).await?
    {
        return Err(StartError::OtherVersion { projection: P::NAME, of });
    }
    let registered = Leases::of(store, read_models.clone()).register(&consumer, 1, P::SCHEMA).await?;
    if registered.len() != 1 {
        let partitions = u16::try_from(registered.len()).unwrap_or(u16::MAX);
        return Err(StartError::Partitioned { projection: P::NAME, partitions });
    }
    create_tables::<P>(&read_models).await?;
    let partition = Partition::default();
    let checkpoint = ClaimedCheckpoint::claim(store, &read_models, consumer, partition).await?;
    let slot = Slot::new(store, read_models, checkpoint, handler, selector::<P>(partition, 1));
    let slot = slot.filtered(P::filter());

    let (progress, stop) = (slot.progress(), CancellationToken::new());
    let span = info_span!("projection", name = P::NAME, version = P::VERSION);
    let task = tokio::spawn(slot.run(stop.clone()).instrument(span));
    Ok(RunningProjection::new(P::NAME, progress, stop, task))
}
