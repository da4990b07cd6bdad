//! A rebuild in a runner: hosted like a projection, by the one that is rebuilt, and as far as the live one has come.

use std::collections::HashMap;
use std::sync::Arc;

use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Pace, SchemaName};
use annals_eventstore::{Cursor, Partition, PostgresStore};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_postgres::Transaction;

use super::error::RunnerError;
use super::host::{Dealt, Host};
use super::shadow_slots::ShadowSlots;
use super::slot_run::SlotRun;
use crate::rebuild::{MakesTables, Rebuild, StepError, metric_name};
use crate::statements::Statements;

/// A rebuild as a host of slots.
pub(super) struct Shadow {
    pub(super) of: Arc<dyn Host>,
    pub(super) rebuild: Rebuild,
    slots: Arc<ShadowSlots>,
}

impl Shadow {
    pub(super) fn new(
        of: Arc<dyn Host>,
        rebuild: Rebuild,
        statements: Arc<Statements>,
        read_models: Pool,
    ) -> Self {
        let slots = Arc::new(ShadowSlots {
            rebuild: rebuild.id,
            metric_name: metric_name(&rebuild.projection),
            schema: rebuild.shadow(),
            live: rebuild.schema.clone(),
            limits: watch::Sender::default(),
            pace: Arc::new(Pace::of(None)),
            statements,
            read_models,
        });
        Self { of, rebuild, slots }
    }

    /// Lets the slots go as far as the live ones have come.
    pub(super) fn follow(&self, live: HashMap<Partition, Cursor>) {
        self.slots.limits.send_if_modified(|limits| {
            let is_new = *limits != live;
            *limits = live;
            is_new
        });
    }

    /// Shares what is allowed a second with so many runners.
    pub(super) fn share_pace(&self, runners: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a number of runners, and of events a second")]
        let share = self.rebuild.throttle.map(|throttle| throttle as f64 / runners.max(1) as f64);
        self.slots.pace.set(share);
    }
}

impl MakesTables for Shadow {
    fn make_tables<'a>(
        &'a self,
        transaction: &'a Transaction<'a>,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        self.of.make_tables(transaction, schema)
    }
}

impl Host for Shadow {
    fn consumer(&self) -> Consumer {
        self.rebuild.filler()
    }

    fn member(&self) -> Consumer {
        self.of.consumer()
    }

    fn partitions(&self) -> u16 {
        self.rebuild.partitions
    }

    fn schema(&self) -> Option<&str> {
        Some(self.slots.schema.as_str())
    }

    fn create_tables<'a>(&'a self, _: &'a Pool) -> BoxFuture<'a, Result<(), RunnerError>> {
        // They are there before anybody is told of it.
        Box::pin(async { Ok(()) })
    }

    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        of: Dealt,
    ) -> SlotRun {
        let shadow = Some(Arc::clone(&self.slots));
        self.of.slot(store, read_models, claimed, Dealt { shadow, ..of })
    }
}
