//! The runners that are alive, in the table beside the leases: the registry of services.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{CheckpointError, Consumer, Loan, Statement};
use annals_eventstore::{Partition, PostgresStore, RunnerId, fail_point};
use deadpool_postgres::Pool;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

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

/// The parameters of a statement.
type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// The table of runners.
#[derive(Debug, Clone)]
pub(super) struct Members {
    read_models: Pool,
    statements: Arc<Statements>,
    answer_timeout: Option<Duration>,
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
        let statements = Arc::new(Statements::new(&store.config().schema));
        Self { read_models, statements, answer_timeout: store.config().answer_timeout }
    }

    /// Says that a runner is there, for so long.
    pub(super) async fn enter(&self, member: &Membership, term: Duration) -> Result<(), CheckpointError> {
        let names: Vec<&str> = member.consumers.iter().map(|consumer| consumer.name.as_str()).collect();
        let versions: Vec<i32> = member.consumers.iter().map(|consumer| consumer.version).collect();
        let milliseconds = i64::try_from(term.as_millis()).unwrap_or(i64::MAX);
        let Membership { id, name, address, build, .. } = member;
        let enter = &self.statements.enter_runners;
        let row: &Parameters<'_> = &[&id.0, name, address, build, &names, &versions, &milliseconds];
        self.query(enter, row).await.map(drop)
    }

    /// Removes a runner, and wakes the others.
    pub(super) async fn leave(&self, id: RunnerId) -> Result<(), CheckpointError> {
        fail_point!(leave_before_removal);
        self.query(&self.statements.leave_runners, &[&id.0]).await?;
        fail_point!(leave_before_wake);
        self.wake().await?;
        fail_point!(leave_after_wake);
        Ok(())
    }

    /// Removes those that have died.
    pub(super) async fn remove_dead(&self) -> Result<(), CheckpointError> {
        self.query(&self.statements.remove_dead_runners, &[]).await.map(drop)
    }

    /// Wakes the runners of every process.
    pub(super) async fn wake(&self) -> Result<(), CheckpointError> {
        self.query(&self.statements.wake_runners, &[]).await.map(drop)
    }

    /// Returns the statements about projections.
    pub(super) fn statements(&self) -> Arc<Statements> {
        Arc::clone(&self.statements)
    }

    /// Lists the slots of a projection whose owners are asked for something; nothing for what is asked of all of them.
    pub(super) async fn asked(&self, consumer: &Consumer) -> Result<Vec<Option<Partition>>, CheckpointError> {
        let open = &self.statements.open_requests;
        let rows = self.query(open, &[&consumer.name, &consumer.version]).await?;
        let slot = |row: &Row| {
            let slot: Option<i32> = row.try_get("partition")?;
            Ok(slot.map(|slot| Partition(u16::try_from(slot).unwrap_or(u16::MAX))))
        };
        rows.iter().map(slot).collect()
    }

    /// Lists those who host a projection.
    pub(super) async fn alive(&self, consumer: &Consumer) -> Result<Vec<LiveRunner>, CheckpointError> {
        let live = &self.statements.live_runners;
        let rows = self.query(live, &[&consumer.name, &consumer.version]).await?;
        let runner = |row: &Row| -> Result<LiveRunner, tokio_postgres::Error> {
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
    /// Asks over a connection of the pool, whose answer takes so long at most as those of the log may.
    async fn query(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, CheckpointError> {
        let client = Loan::new(self.read_models.get().await?, self.answer_timeout);
        Ok(client.in_time(statement.query(&***client, parameters)).await?)
    }
}
