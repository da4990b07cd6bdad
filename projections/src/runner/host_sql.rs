//! A projection in SQL in a runner.

use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, SchemaName, Selector};
use annals_eventstore::{Partition, PostgresStore};
use deadpool_postgres::Pool;
use futures_util::future::BoxFuture;
use tokio_postgres::Transaction;

use super::error::RunnerError;
use super::host::{Dealt, Host};
use super::slot_run::SlotRun;
use crate::parking::{Parking, Patience, PoisonPolicy, Poisoned};
use crate::rebuild::{MakesTables, StepError};
use crate::sql_projection::{ErrorPolicy, SqlHandlers, SqlProjection};
use crate::tables::TablesError;

/// Gives each slot the same statements.
pub(super) struct HostSql(pub(super) SqlHandlers);

impl MakesTables for HostSql {
    fn make_tables<'a>(
        &'a self,
        transaction: &'a Transaction<'a>,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        Box::pin(async move {
            let projection = self.0.projection().clone().in_schema(schema.clone());
            projection.set_up_within(transaction).await.map_err(StepError::of_tables)
        })
    }
}

impl Host for HostSql {
    fn consumer(&self) -> Consumer {
        let projection = self.0.projection();
        Consumer { name: projection.name().to_owned(), version: projection.version() }
    }

    fn partitions(&self) -> u16 {
        self.0.projection().partitions()
    }

    fn schema(&self) -> Option<&str> {
        Some(self.0.projection().schema().as_str())
    }

    fn create_tables<'a>(&'a self, read_models: &'a Pool) -> BoxFuture<'a, Result<(), RunnerError>> {
        Box::pin(async move {
            let mut client = read_models.get().await.map_err(TablesError::from)?;
            self.0.projection().set_up(&mut client).await?;
            Ok(self.0.show(&mut client).await?)
        })
    }

    fn slot(
        &self,
        store: &PostgresStore,
        read_models: Pool,
        claimed: ClaimedCheckpoint,
        of: Dealt,
    ) -> SlotRun {
        let handlers = match &of.shadow {
            Some(shadow) => self.0.clone().rebuilding(shadow.schema.clone()),
            None => self.0.clone(),
        };
        let projection = handlers.projection();
        let (filter, key) = (projection.filter(), projection.event_key().clone());
        let wants = selector(projection.clone(), claimed.partition(), of.partitions);
        let policy = PoisonPolicy { then: then(projection.error_policy()), ..PoisonPolicy::default() };
        let rows = of.rows(&claimed);
        let handler =
            Parking::new(handlers, Box::new(move |event| key.of(event)), policy, store.clone(), rows)
                .with_patience(Patience::of(of.idle_limit));
        of.run(store, read_models, claimed, handler, (filter, wants))
    }
}

/// Picks what the projection follows of the events that are dealt to one of its slots.
fn selector(projection: SqlProjection, partition: Partition, partitions: u16) -> Selector {
    let is_dealt = move |key: &str| partitions == 1 || Partition::of_key(key, partitions) == partition;
    Box::new(move |event| projection.wants(event) && is_dealt(&projection.event_key().of(event)))
}

fn then(policy: ErrorPolicy) -> Poisoned {
    match policy {
        ErrorPolicy::Park => Poisoned::Park,
        ErrorPolicy::Skip => Poisoned::Skip,
        ErrorPolicy::Stop => Poisoned::Stop,
    }
}
