//! A projection in a runner, whatever its type: it makes a slot of each checkpoint that the runner was given.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, SchemaName, Selector, Slot, SlotBreaker};
use annals_eventstore::{EventFilter, EventHandler, PostgresStore};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;
use tokio_postgres::Transaction;

use super::error::RunnerError;
use super::shadow_slots::ShadowSlots;
use super::slot_run::SlotRun;
use crate::hosted::{Hosted, search_path, selector};
use crate::parking::{Parking, Patience, Rows};
use crate::projection::Projection;
use crate::rebuild::{MakesTables, StepError};
use crate::statements::Statements;
use crate::tables::create_tables;

/// A projection, without its type.
pub(super) trait Host: MakesTables {
    fn consumer(&self) -> Consumer;
    /// The projection that its runners are members of.
    fn member(&self) -> Consumer {
        self.consumer()
    }
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
    /// Where it fills tables beside the live ones.
    pub(super) shadow: Option<Arc<ShadowSlots>>,
    /// Before the database of the read models, for all slots.
    pub(super) breaker: SlotBreaker,
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

    /// Puts a slot together.
    pub(super) fn run<H: EventHandler + 'static>(
        self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        handler: Parking<H>,
        (filter, wants): (EventFilter, Selector),
    ) -> SlotRun {
        let (errands, breaker) = (self.errands, self.breaker);
        if let Some(shadow) = self.shadow {
            let handler = shadow.guarded(handler);
            let slot = Slot::new(store, read_models, claimed, handler, wants).filtered(filter);
            return shadow.run(slot.with_errands(errands).behind(breaker));
        }
        let slot = Slot::new(store, read_models, claimed, handler, wants).filtered(filter);
        let slot = slot.with_errands(errands).behind(breaker);
        Box::new(move |stop| Box::pin(slot.run(stop)))
    }
}

/// Makes a projection for each slot.
pub(super) struct HostOf<F>(pub(super) F);

impl<P: Projection, F: Fn() -> P + Send + Sync> MakesTables for HostOf<F> {
    fn make_tables<'a>(
        &'a self,
        transaction: &'a Transaction<'a>,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            let tables = format!("{};\n{}", search_path(schema), P::TABLES);
            transaction.batch_execute(&tables).await.map_err(StepError::of_tables)
        })
    }
}

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
        let projection = (self.0)();
        let handler = match &of.shadow {
            Some(shadow) => Hosted::rebuilding(projection, &shadow.schema),
            None => Hosted::new(projection).expect("its schema has a name: its tables were created"),
        };
        let wants = selector::<P>(claimed.partition(), of.partitions);
        let handler =
            Parking::new(handler, Box::new(P::key), P::on_poison(), store.clone(), of.rows(&claimed))
                .with_patience(Patience::of(of.idle_limit));
        of.run(store, read_models, claimed, handler, (P::filter(), wants))
    }
}
