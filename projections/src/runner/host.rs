//! A projection in a runner, whatever its type: it makes a slot of each checkpoint that the runner was given.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot, SlotError};
use annals_eventstore::{Checkpoint, PostgresStore};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::error::RunnerError;
use crate::hosted::{Hosted, selector};
use crate::parking::{Parking, Patience, Rows};
use crate::projection::Projection;
use crate::statements::Statements;
use crate::tables::create_tables;

/// The loop of a slot, once it is told when to stop.
pub(super) type SlotRun =
    Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<Checkpoint, SlotError>> + Send>;

/// A projection, without its type.
pub(super) trait Host: Send + Sync {
    fn consumer(&self) -> Consumer;
    /// The slots it is to be registered with.
    fn partitions(&self) -> u16;
    /// The schema it owns, if any.
    fn schema(&self) -> Option<&str>;
    fn create_tables<'a>(&'a self, read_models: &'a Pool) -> BoxFuture<'a, Result<(), RunnerError>>;
    /// Makes a slot, of so many in all.
    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        of: Dealt,
    ) -> SlotRun;
}

/// What a slot shares with others.
pub(super) struct Dealt {
    /// The slots there are.
    pub(super) partitions: u16,
    pub(super) statements: Arc<Statements>,
    /// Notified when its owner is asked for something.
    pub(super) errands: Arc<Notify>,
    /// How long the server bears with a batch that does nothing.
    pub(super) idle_limit: Option<Duration>,
}

impl Dealt {
    /// Where what the slot parks is kept.
    pub(super) fn rows(&self, claimed: &ClaimedCheckpoint) -> Rows {
        Rows {
            statements: Arc::clone(&self.statements),
            consumer: claimed.consumer().clone(),
            partition: claimed.partition(),
        }
    }
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

    fn schema(&self) -> Option<&str> {
        P::SCHEMA
    }

    fn create_tables<'a>(&'a self, read_models: &'a Pool) -> BoxFuture<'a, Result<(), RunnerError>> {
        Box::pin(async { Ok(create_tables::<P>(read_models).await?) })
    }

    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        of: Dealt,
    ) -> SlotRun {
        let handler = Hosted::new((self.0)()).expect("its schema has a name: its tables were created");
        let wants = selector::<P>(claimed.partition(), of.partitions);
        let handler =
            Parking::new(handler, Box::new(P::key), P::on_poison(), store.clone(), of.rows(&claimed))
                .with_patience(Patience::of(of.idle_limit));
        let slot = Slot::new(store, read_models, claimed, handler, wants);
        let slot = slot.filtered(P::filter()).with_errands(of.errands);
        Box::new(move |stop| Box::pin(slot.run(stop)))
    }
}
