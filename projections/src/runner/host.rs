//! A projection in a runner, whatever its type: it makes a slot of each checkpoint that the runner was given.

use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot, SlotError};
use annals_eventstore::{Checkpoint, PostgresStore};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::hosted::{Hosted, selector};
use crate::projection::Projection;
use crate::tables::{TablesError, create_tables};

/// The loop of a slot, once it is told when to stop.
pub(super) type SlotRun =
    Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<Checkpoint, SlotError>> + Send>;

/// A projection, without its type.
pub(super) trait Host: Send + Sync {
    fn consumer(&self) -> Consumer;
    /// The slots it is to be registered with.
    fn partitions(&self) -> u16;
    fn create_tables<'a>(&'a self, read_models: &'a Pool) -> BoxFuture<'a, Result<(), TablesError>>;
    /// Makes a slot, of so many in all.
    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        partitions: u16,
    ) -> SlotRun;
}

/// Makes a projection for each slot.
pub(super) struct HostOf<F>(pub(super) F);

impl<P: Projection, F: Fn() -> P + Send + Sync> Host for HostOf<F> {
    fn consumer(&self) -> Consumer {
        Consumer { name: P::NAME.to_owned(), version: P::VERSION }
    }

    fn partitions(&self) -> u16 {
        P::PARTITIONS.max(1)
    }

    fn create_tables<'a>(&'a self, read_models: &'a Pool) -> BoxFuture<'a, Result<(), TablesError>> {
        Box::pin(create_tables::<P>(read_models))
    }

    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        partitions: u16,
    ) -> SlotRun {
        let handler = Hosted::new((self.0)()).expect("its schema has a name: its tables were created");
        let wants = selector::<P>(claimed.partition(), partitions);
        let slot = Slot::new(store, read_models, claimed, handler, wants).filtered(P::filter());
        Box::new(move |stop| Box::pin(slot.run(stop)))
    }
}
