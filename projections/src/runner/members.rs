//! The runners that are alive, in the table beside the leases: the registry of services.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{CheckpointError, Consumer};
use annals_eventstore::{Partition, PostgresStore, RunnerId};
use deadpool_postgres::Pool;

use crate::statements::Statements;

/// Who a runner is, told to whoever looks for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRunner {
    /// Its run.
    pub id: RunnerId,
    /// Its name, such as that of its machine.
    pub name: String,
    /// Where it can be asked, if anywhere.
    pub address: Option<String>,
    /// The version of its program.
    pub build: String,
    /// On how many slots of the projection it works.
    pub slots: usize,
}

/// What a runner says of itself.
#[derive(Debug, Clone)]
pub(super) struct Membership {
    pub(super) id: RunnerId,
    pub(super) name: String,
    pub(super) address: Option<String>,
    pub(super) build: String,
    pub(super) consumers: Vec<Consumer>,
}

/// The table of runners.
#[derive(Debug, Clone)]
pub(super) struct Members {
    read_models: Pool,
    statements: Arc<Statements>,
}

/// Finds the runners that host a projection and are alive, with address, version and load. None when nobody does.
///
/// `read_models` leads to the database in which the projection keeps its tables ([`PostgresStore::pool`] where that is
/// the log's own).
///
/// # Errors
///
/// A fault of the database.
pub async fn discover(
    store: &PostgresStore,
    read_models: &Pool,
    projection: &Consumer,
) -> Result<Vec<LiveRunner>, CheckpointError> {
    Members::of(store, read_models.clone()).alive(projection).await
}

impl Members {
    pub(super) fn of(store: &PostgresStore, read_models: Pool) -> Self {
        Self { read_models, statements: Arc::new(Statements::new(&store.config().schema)) }
    }

    /// Says that a runner is there, for so long.
    pub(super) async fn enter(&self, member: &Membership, term: Duration) -> Result<(), CheckpointError> {
        let names: Vec<&str> = member.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
        let versions: Vec<i32> = member.consumers.iter().map(|consumer| consumer.version).collect();
        let milliseconds = i64::try_from(term.as_millis()).unwrap_or(i64::MAX);
        let Membership { id, name, address, build, .. } = member;
        let client = self.read_models.get().await?;
        let enter = &self.statements.enter_runners;
        enter.query(&**client, &[&id.0, name, address, build, &names, &versions, &milliseconds]).await?;
        Ok(())
    }

    /// Removes a runner, and wakes the others.
    pub(super) async fn leave(&self, id: RunnerId) -> Result<(), CheckpointError> {
        let client = self.read_models.get().await?;
        self.statements.leave_runners.query(&**client, &[&id.0]).await?;
        self.statements.wake_runners.query(&**client, &[]).await?;
        Ok(())
    }

    /// Removes those that have died.
    pub(super) async fn remove_dead(&self) -> Result<(), CheckpointError> {
        let client = self.read_models.get().await?;
        self.statements.remove_dead_runners.query(&**client, &[]).await?;
        Ok(())
    }

    /// Wakes the runners of every process.
    pub(super) async fn wake(&self) -> Result<(), CheckpointError> {
        let client = self.read_models.get().await?;
        self.statements.wake_runners.query(&**client, &[]).await?;
        Ok(())
    }

    /// Returns the statements about projections.
    pub(super) fn statements(&self) -> Arc<Statements> {
        Arc::clone(&self.statements)
    }

    /// Lists the slots of a projection whose owners are asked for something; nothing for what is asked of all of them.
    pub(super) async fn asked(&self, consumer: &Consumer) -> Result<Vec<Option<Partition>>, CheckpointError> {
        let client = self.read_models.get().await?;
        let open = &self.statements.open_requests;
        let rows = open.query(&**client, &[&consumer.name, &consumer.version]).await?;
        let slot = |row: &tokio_postgres::Row| {
            let slot: Option<i32> = row.try_get("partition")?;
            Ok(slot.map(|slot| Partition(u16::try_from(slot).unwrap_or(u16::MAX))))
        };
        rows.iter().map(slot).collect()
    }

    /// Lists those who host a projection.
    pub(super) async fn alive(&self, consumer: &Consumer) -> Result<Vec<LiveRunner>, CheckpointError> {
        let client = self.read_models.get().await?;
        let live = &self.statements.live_runners;
        let rows = live.query(&**client, &[&consumer.name, &consumer.version]).await?;
        let runner = |row: &tokio_postgres::Row| -> Result<LiveRunner, tokio_postgres::Error> {
            Ok(LiveRunner {
                id: RunnerId(row.try_get("runner_id")?),
                name: row.try_get("name")?,
                address: row.try_get("address")?,
                build: row.try_get("build")?,
                slots: usize::try_from(row.try_get::<_, i64>("slots")?).unwrap_or_default(),
            })
        };
        Ok(rows.iter().map(runner).collect::<Result<_, _>>()?)
    }
}
