//! The verbs of an operator.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{
    CheckpointError, Consumer, Leases, MigrateError, SlotStatus, Statement, require_read_models,
};
use annals_eventstore::{EventStore, GlobalPosition, LogQuery, PostgresStore, ReadError};
use deadpool_postgres::{Pool, PoolError};
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::{IsolationLevel, Row, Transaction};
use uuid::Uuid;

use super::parked::{ParkedEvent, parked};
use super::status::{ProjectionStatus, status};
use crate::rebuild::is_reserved;
use crate::runner::{LiveRunner, discover};
use crate::statements::Statements;

/// How often a change is tried that meets batches under way.
const ATTEMPTS: u32 = 5;

/// How often it is looked whether a request was served.
const LOOK: Duration = Duration::from_millis(20);

/// Looks after the projections of one database of read models.
#[derive(Debug, Clone)]
pub struct Operator {
    pub(super) store: PostgresStore,
    pub(super) read_models: Pool,
    pub(super) statements: Arc<Statements>,
}

/// Why nothing was done, or what came of a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// There is no such projection. Nothing was changed.
    #[error("projection {} of version {} was never registered", .0.name, .0.version)]
    UnknownProjection(Consumer),
    /// The key has no parked event. Nothing was changed.
    #[error("key {0:?} has no parked event")]
    NothingParked(String),
    /// No event stands at the position. Nothing was changed.
    #[error("no event stands at position {0}")]
    NoSuchEvent(GlobalPosition),
    /// Every slot has passed the event: there is nothing to skip. Nothing was changed; what is parked is discarded, what was
    /// applied is put right in the log.
    #[error("every slot has passed position {0}, so there is nothing to skip")]
    Passed(GlobalPosition),
    /// A reason has to be given. Nothing was changed.
    #[error("a reason has to be given")]
    NoReason,
    /// The projection owns no schema, so what belongs to it is not known. Nothing was changed; give it one, or empty its
    /// tables and set it back to the start in one go while it is paused.
    #[error("projection {} owns no schema, so its tables are not known: give it one", .0.name)]
    NoOwnSchema(Consumer),
    /// The schema that the projection owns holds tables of others too: it is `public`, the log's own, or another
    /// projection's as well. Nothing was changed; give it one of its own, or empty its tables and set it back in one go
    /// while it is paused.
    #[error("schema {schema} of projection {} may hold tables of others, so it is neither emptied nor replaced", .projection.name)]
    SharedSchema {
        /// The projection.
        projection: Consumer,
        /// Its schema.
        schema: String,
    },
    /// A rebuild of the projection is under way. Nothing was changed; wait for it, or cancel it.
    #[error("a rebuild of projection {} is under way", .0.name)]
    RebuildUnderWay(Consumer),
    /// No rebuild of the projection is before its swap: there is nothing to cancel. Nothing was changed.
    #[error("no rebuild of projection {} can be cancelled: none is under way, or it has swapped", .0.name)]
    NoRebuild(Consumer),
    /// A newer version has the tables. Nothing was changed.
    #[error("version {by} of projection {} has its tables by now", .projection.name)]
    Replaced {
        /// The projection.
        projection: Consumer,
        /// The version that has them.
        by: i32,
    },
    /// The owner of the slot has tried: an event cannot be applied still, and its key stays blocked; or the event that was
    /// to be discarded is parked no more, and nothing was discarded.
    #[error("{outcome}")]
    StillParked {
        /// What came of it.
        outcome: String,
    },
    /// Nobody has served the request in time; it is still asked for. See whether a runner works on the projection.
    #[error("nobody has served the request in time; it is still asked for")]
    Unserved,
    /// The database of the read models is not set up, or not as this program needs it.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// The log could not be read. Nothing was changed.
    #[error("log cannot be read")]
    Log(#[from] ReadError),
    /// The leases could not be read.
    #[error(transparent)]
    Leases(#[from] CheckpointError),
    /// No connection could be had.
    #[error("no connection to the read models")]
    Unavailable(#[from] PoolError),
    /// The database failed. Nothing was changed, unless the connection was lost in the middle: look at the projection, and
    /// at its parked events, before you ask again.
    #[error("database failed; look at the projection before you ask again")]
    Database(#[from] tokio_postgres::Error),
}

impl Operator {
    /// Looks after the projections that are kept in a database ([`PostgresStore::pool`] where that is the log's own).
    pub fn of(store: &PostgresStore, read_models: Pool) -> Self {
        let statements = Arc::new(Statements::new(&store.config().schema));
        Self { store: store.clone(), read_models, statements }
    }

    /// Looks whether the database of the read models can be reached, and is set up as this program needs it.
    ///
    /// # Errors
    ///
    /// [`OperateError::Schema`] where it is not, or a fault of the database.
    pub async fn require_fit(&self) -> Result<(), OperateError> {
        let client = self.read_models.get().await?;
        Ok(require_read_models(&**client, &self.store.config().schema).await?)
    }

    /// Lists all projections.
    ///
    /// # Errors
    ///
    /// A fault of the database.
    pub async fn list(&self) -> Result<Vec<ProjectionStatus>, OperateError> {
        let client = self.read_models.get().await?;
        let rows = self.statements.list_projections.query(&**client, &[]).await?;
        let mut listed = rows.iter().map(status).collect::<Result<Vec<_>, _>>()?;
        // What a rebuild fills is no projection yet.
        listed.retain(|status| !is_reserved(&status.projection.name));
        Ok(listed)
    }

    /// Lists the slots of a projection; none when it was never registered.
    ///
    /// # Errors
    ///
    /// A fault of the database.
    pub async fn slots(&self, projection: &Consumer) -> Result<Vec<SlotStatus>, OperateError> {
        Ok(Leases::of(&self.store, self.read_models.clone()).list(projection).await?)
    }

    /// Lists the runners that host a projection and are alive.
    ///
    /// # Errors
    ///
    /// A fault of the database.
    pub async fn runners(&self, projection: &Consumer) -> Result<Vec<LiveRunner>, OperateError> {
        Ok(discover(&self.store, &self.read_models, projection).await?)
    }

    /// Lists parked events, each key's in the order in which they are to be applied.
    ///
    /// # Errors
    ///
    /// A fault of the database.
    pub async fn parked(&self, projection: &Consumer, limit: u32) -> Result<Vec<ParkedEvent>, OperateError> {
        let client = self.read_models.get().await?;
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let (list, Consumer { name, version }) = (&self.statements.list_parked, projection);
        let rows = list.query(&**client, &[name, version, &limit]).await?;
        Ok(rows.iter().map(parked).collect::<Result<_, _>>()?)
    }

    /// Asks the owner of a key's slot to apply what is parked, in order, and waits until it has.
    ///
    /// # Errors
    ///
    /// [`OperateError::StillParked`] when an event cannot be applied this time either, [`OperateError::Unserved`] when
    /// no runner has answered in time.
    pub async fn retry(
        &self,
        projection: &Consumer,
        key: &str,
        reason: &str,
        timeout: Duration,
    ) -> Result<(), OperateError> {
        self.ask(projection, key, "retry", reason, timeout).await
    }

    /// Asks the owner of a key's slot to discard the event that blocks it and to apply the others, and waits until it
    /// has.
    ///
    /// # Errors
    ///
    /// As [`Operator::retry`]. What was discarded stays so, also where the next event cannot be applied.
    pub async fn discard(
        &self,
        projection: &Consumer,
        key: &str,
        reason: &str,
        timeout: Duration,
    ) -> Result<(), OperateError> {
        self.ask(projection, key, "discard", reason, timeout).await
    }

    /// Asks that one event be skipped when its slot comes to it, such as the one before which a slot has stopped; then
    /// resume the projection. What was applied already is not undone.
    ///
    /// # Errors
    ///
    /// [`OperateError::NoSuchEvent`] where nothing stands, [`OperateError::Passed`] where every slot is behind it, [`OperateError::UnknownProjection`], or a fault of a database.
    pub async fn skip(
        &self,
        projection: &Consumer,
        event: GlobalPosition,
        reason: &str,
    ) -> Result<(), OperateError> {
        let (at, id) = self.event_up_to(event).await?;
        if at != event || id.is_none() {
            return Err(OperateError::NoSuchEvent(event));
        }
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        if event <= change.reached {
            return Err(OperateError::Passed(event));
        }
        let (skip, Consumer { name, version }) = (&self.statements.ask_skip, projection);
        skip.query(&change.transaction, &[name, version, &i64::from(event), &reason]).await?;
        change.commit("ask to skip", Some(event)).await
    }

    /// Pauses a projection: its owners finish the batch at hand and give their slots back.
    ///
    /// # Errors
    ///
    /// [`OperateError::UnknownProjection`], or a fault of the database.
    pub async fn pause(&self, projection: &Consumer, reason: &str) -> Result<(), OperateError> {
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        change.on_projection(&self.statements.pause_projection).await?;
        change.commit("pause", None).await
    }

    /// Lets a projection go on that was paused, and slots that have stopped, those of its rebuild as well.
    ///
    /// # Errors
    ///
    /// [`OperateError::UnknownProjection`], or a fault of the database.
    pub async fn resume(&self, projection: &Consumer, reason: &str) -> Result<(), OperateError> {
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        change.on_projection(&self.statements.resume_projection).await?;
        change.query(&self.statements.resume_slots).await?;
        if let Some(filler) = self.open_filler(&change.transaction, projection).await? {
            let resume = &self.statements.resume_slots;
            resume.query(&change.transaction, &[&filler.name, &filler.version]).await?;
        }
        change.commit("resume", None).await
    }

    /// Sets a projection back: what stands behind the position in the log comes again. Slots that have not come so far
    /// stay where they are. Its tables are left alone, so it has to bear what comes twice.
    ///
    /// # Errors
    ///
    /// [`OperateError::UnknownProjection`], or a fault of a database.
    pub async fn rewind(
        &self,
        projection: &Consumer,
        to: GlobalPosition,
        reason: &str,
    ) -> Result<(), OperateError> {
        let (at, id) = self.event_up_to(to).await?;
        past_deadlocks(|| async {
            let mut client = self.read_models.get().await?;
            let change = Change::begin(self, &mut client, projection, reason).await?;
            change.set_back(at, id).await?;
            change.commit("rewind", Some(at)).await
        })
        .await
    }

    /// Empties the tables of a projection's own schema and sets it back to the start of the log, in one transaction.
    ///
    /// # Errors
    ///
    /// [`OperateError::NoOwnSchema`] where its tables are not known, [`OperateError::SharedSchema`] where others may be
    /// among them, or a fault of the database.
    pub async fn reset(&self, projection: &Consumer, reason: &str) -> Result<(), OperateError> {
        past_deadlocks(|| self.reset_once(projection, reason)).await
    }

    async fn reset_once(&self, projection: &Consumer, reason: &str) -> Result<(), OperateError> {
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        let schema = change.schema.clone().ok_or_else(|| OperateError::NoOwnSchema(projection.clone()))?;
        if change.is_shared(&schema).await? {
            return Err(OperateError::SharedSchema { projection: projection.clone(), schema });
        }
        // The tables first, as batches lock them: one under way is waited for, one that comes then is refused.
        let tables = self.statements.own_tables.query(&change.transaction, &[&schema]).await?;
        let tables: Vec<String> = tables.iter().map(|row| row.get("name")).collect();
        if !tables.is_empty() {
            change.transaction.batch_execute(&format!("truncate {}", tables.join(", "))).await?;
        }
        change.set_back(GlobalPosition::START, None).await?;
        change.commit("reset", Some(GlobalPosition::START)).await
    }

    /// The database of the log.
    pub(super) fn log(&self) -> &Pool {
        self.store.pool()
    }

    pub(super) fn statements(&self) -> &Statements {
        &self.statements
    }

    async fn ask(
        &self,
        projection: &Consumer,
        key: &str,
        verb: &str,
        reason: &str,
        timeout: Duration,
    ) -> Result<(), OperateError> {
        if reason.trim().is_empty() {
            return Err(OperateError::NoReason);
        }
        let (deadline, Consumer { name, version }) = (Instant::now() + timeout, projection);
        let client = self.read_models.get().await?;
        let asked = self.statements.ask.query(&**client, &[name, version, &key, &verb, &reason]).await?;
        let Some(request) = asked.first() else { return Err(OperateError::NothingParked(key.to_owned())) };
        let request: i64 = request.try_get(0)?;
        self.statements.wake_runners.query(&**client, &[]).await?;
        loop {
            let rows = self.statements.request_outcome.query(&**client, &[&request]).await?;
            let outcome: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?.flatten();
            match outcome.as_deref() {
                Some("done") => return Ok(()),
                Some(outcome) => return Err(OperateError::StillParked { outcome: outcome.to_owned() }),
                None if Instant::now() >= deadline => return Err(OperateError::Unserved),
                None => sleep(LOOK).await,
            }
        }
    }

    /// Finds the last event up to a position, so that a checkpoint can name it.
    pub(super) async fn event_up_to(
        &self,
        position: GlobalPosition,
    ) -> Result<(GlobalPosition, Option<Uuid>), OperateError> {
        let behind = GlobalPosition::try_from(i64::from(position).saturating_add(1)).unwrap_or_default();
        let page = self.store.read_log(LogQuery::before(behind).limit(1)).await?;
        Ok(page
            .events
            .first()
            .map_or((GlobalPosition::START, None), |event| (event.position, Some(event.id.as_uuid()))))
    }
}

/// Tries again what met another and lost: whoever serves a request about parked events locks those first and its checkpoint
/// last, and whoever sets checkpoints back comes the other way. So may two who lock several tables.
async fn past_deadlocks<F>(attempt: impl Fn() -> F) -> Result<(), OperateError>
where
    F: Future<Output = Result<(), OperateError>>,
{
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(OperateError::Database(error)) if error.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED) => {}
            ended => return ended,
        }
    }
    attempt().await
}

/// A change to a projection under way, which is written down and told to the runners with its commit.
pub(super) struct Change<'a> {
    operator: &'a Operator,
    pub(super) transaction: Transaction<'a>,
    projection: &'a Consumer,
    /// The schema that it owns.
    pub(super) schema: Option<String>,
    /// How far every slot has come.
    reached: GlobalPosition,
    reason: &'a str,
}

impl<'a> Change<'a> {
    pub(super) async fn begin(
        operator: &'a Operator,
        client: &'a mut tokio_postgres::Client,
        projection: &'a Consumer,
        reason: &'a str,
    ) -> Result<Self, OperateError> {
        if reason.trim().is_empty() {
            return Err(OperateError::NoReason);
        }
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let reached = GlobalPosition::START;
        let mut change =
            Self { operator, transaction: begin.start().await?, projection, schema: None, reached, reason };
        let rows = change.query(&operator.statements.progress).await?;
        let Some(row) = rows.first() else { return Err(OperateError::UnknownProjection(projection.clone())) };
        change.schema = row.try_get("schema_name")?;
        change.reached = GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default();
        Ok(change)
    }

    /// Sends a statement about the projection.
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, OperateError> {
        let Consumer { name, version } = self.projection;
        Ok(statement.query(&self.transaction, &[name, version]).await?)
    }

    async fn on_projection(&self, statement: &Statement) -> Result<(), OperateError> {
        match self.query(statement).await?.first() {
            Some(_) => Ok(()),
            None => Err(OperateError::UnknownProjection(self.projection.clone())),
        }
    }

    /// Tells whether tables of others may be in a schema. Other versions of the projection do not count.
    pub(super) async fn is_shared(&self, schema: &str) -> Result<bool, OperateError> {
        if schema == "public" || schema == self.operator.store.config().schema.as_str() {
            return Ok(true);
        }
        let is_shared = &self.operator.statements.is_schema_shared;
        let rows = is_shared.query(&self.transaction, &[&schema, &self.projection.name]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }

    /// Sets checkpoints back under new epochs; parked events that come again are parked no more.
    async fn set_back(&self, at: GlobalPosition, id: Option<Uuid>) -> Result<(), OperateError> {
        let Consumer { name, version } = self.projection;
        let statements = &self.operator.statements;
        let at = i64::from(at);
        // Leases before checkpoints, as whoever takes a slot locks them.
        self.query(&statements.free_slots).await?;
        statements.rewind_slots.query(&self.transaction, &[name, version, &at, &id]).await?;
        statements.unpark_behind.query(&self.transaction, &[name, version, &at]).await?;
        Ok(())
    }

    pub(super) async fn commit(self, verb: &str, to: Option<GlobalPosition>) -> Result<(), OperateError> {
        let (Consumer { name, version }, statements) = (self.projection, &self.operator.statements);
        let subject = to.map(|position| position.to_string());
        let nobody: Option<&str> = None;
        let note = &statements.note_audit;
        note.query(&self.transaction, &[name, version, &verb, &subject, &self.reason, &nobody]).await?;
        // In the transaction: it is told when it is true, and operators are rare.
        statements.wake_runners.query(&self.transaction, &[]).await?;
        Ok(self.transaction.commit().await?)
    }
}
