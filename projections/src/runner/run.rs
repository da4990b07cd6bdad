//! A runner: the projections it hosts, and what it needs to work on them.

use std::collections::HashMap;
use std::sync::Arc;

use annals_eventstore::postgres::{
    ConnectOptions, Leases, PoolOptions, SlotBreaker, connect, pool, require_read_models,
};
use annals_eventstore::{PostgresStore, RunnerId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info, info_span};

use super::coordinate::Coordinator;
use super::ear::listen;
use super::error::RunnerError;
use super::health::RunnerHealth;
use super::heart::{Heart, Renewed};
use super::host::{Host, HostOf};
use super::host_sql::HostSql;
use super::members::{Members, Membership};
use super::options::RunnerOptions;
use super::running::RunningRunner;
use super::slots::Slots;
use super::steward::Steward;
use crate::projection::Projection;
use crate::rebuild::{Tables, build_beside, is_reserved, tables_in};
use crate::sql_projection::{SqlHandlers, SqlProjection};

/// Connections for leases: one renews, one looks around.
const LEASE_CONNECTIONS: usize = 2;

/// Works on projections together with all other runners of the same log and read models.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::{Batch, HandlerError, PostgresStore};
/// # use annals_projections::{Projection, Runner};
/// # struct Balances;
/// # impl Projection for Balances {
/// #     const NAME: &'static str = "balances";
/// #     const TABLES: &'static str = "";
/// #     async fn apply(&mut self, _: Batch<'_>) -> Result<(), HandlerError> { Ok(()) }
/// # }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://localhost/shop").await?;
/// let runner = Runner::new(&store).host(|| Balances).start().await?;
/// tokio::signal::ctrl_c().await?;
/// runner.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Runner {
    store: PostgresStore,
    read_models: ConnectOptions,
    options: RunnerOptions,
    hosts: Vec<Arc<dyn Host>>,
}

impl Runner {
    /// Makes a runner that keeps read models in the log's own database.
    pub fn new(store: &PostgresStore) -> Self {
        let read_models = store.config().connect.clone();
        Self { store: store.clone(), read_models, options: RunnerOptions::default(), hosts: Vec::new() }
    }

    /// Keeps read models, leases and checkpoints in another database, which
    /// [`migrate_read_models`](annals_eventstore::postgres::migrate_read_models) has set up.
    #[must_use]
    pub fn read_models_in(self, read_models: ConnectOptions) -> Self {
        Self { read_models, ..self }
    }

    /// Sets how it works.
    #[must_use]
    pub fn options(self, options: RunnerOptions) -> Self {
        Self { options, ..self }
    }

    /// Hosts a projection. The function makes one for each slot that this runner works on.
    #[must_use]
    pub fn host<P: Projection>(mut self, make: impl Fn() -> P + Send + Sync + 'static) -> Self {
        self.hosts.push(Arc::new(HostOf(make)));
        self
    }

    /// Hosts a projection that is written in SQL alone.
    #[must_use]
    pub fn host_sql(mut self, projection: SqlProjection) -> Self {
        self.hosts.push(Arc::new(HostSql(SqlHandlers::unseen(projection))));
        self
    }

    /// Starts it in the background.
    ///
    /// # Errors
    ///
    /// [`RunnerError`] when tables, leases or the registration cannot be had.
    pub async fn start(self) -> Result<RunningRunner, RunnerError> {
        let (id, stop) = (RunnerId::new(), CancellationToken::new());
        let work = self.prepare(id, &stop).await?;
        let span = info_span!("runner", %id);
        let health = work.health();
        let breaker = work.coordinator.breaker.state();
        let task = tokio::spawn(work.run(stop.clone()).instrument(span));
        Ok(RunningRunner::new(health, stop, task, breaker))
    }

    /// Works until it is told to stop. Dropping the future is like a crash: others take over when its leases are over.
    ///
    /// # Errors
    ///
    /// [`RunnerError`] when tables, leases or the registration cannot be had.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunnerError> {
        let work = Box::pin(self.prepare(RunnerId::new(), &stop)).await?;
        Box::pin(work.run(stop)).await;
        Ok(())
    }

    /// Creates tables, registers, and gets everything ready.
    async fn prepare(self, id: RunnerId, stop: &CancellationToken) -> Result<Work, RunnerError> {
        let schema = self.store.config().schema.clone();
        require_read_models(&connect(&self.read_models).await?.into_client(), &schema).await?;

        let RunnerOptions { name, address, build, lease: term, batches, .. } = self.options.clone();
        // The session of a runner that stands still in the middle of a batch, or of a renewal, is ended together with
        // its lease, so that the rows it has locked hold up nobody for longer.
        let idle_limit = (!self.read_models.is_pooled()).then_some(term);
        let limited = match self.read_models.is_pooled() {
            true => self.read_models.clone(),
            false => {
                // 0 would be no limit, and more than this is refused.
                let limit = term.as_millis().clamp(1, i32::MAX as u128).to_string();
                self.read_models.clone().with_setting("idle_in_transaction_session_timeout", &limit)
            }
        };
        let few = PoolOptions { max_size: LEASE_CONNECTIONS, ..PoolOptions::default() };
        let lease_pool = pool(&limited, few);
        let batch_pool = pool(&limited, PoolOptions { max_size: batches.max(1), ..PoolOptions::default() });

        let leases = Leases::of(&self.store, lease_pool.clone());
        let members = Members::of(&self.store, lease_pool.clone());
        let mut unasked = Vec::new();
        for host in &self.hosts {
            let name = host.consumer().name;
            if is_reserved(&name) {
                return Err(RunnerError::ReservedName(name));
            }
            let consumer = host.consumer();
            match tables_in(&lease_pool, &members.statements(), &consumer, host.schema()).await? {
                Tables::Own => host.create_tables(&lease_pool).await?,
                Tables::Older(older) => {
                    info!(projection = consumer.name, older, "a new version is built beside the older one");
                    if !build_beside(&lease_pool, &members.statements(), &consumer, older).await? {
                        unasked.push((consumer.clone(), older));
                    }
                }
                Tables::Newer(by) => return Err(RunnerError::Replaced { projection: consumer, by }),
            }
            leases.register(&consumer, host.partitions(), host.schema()).await?;
        }
        let consumers: Vec<_> = self.hosts.iter().map(|host| host.consumer()).collect();
        let pools = (batch_pool.clone(), lease_pool.clone());
        let health = RunnerHealth::new(id, consumers.clone(), term, stop.clone(), pools);
        let member = Membership { id, name, address, build, consumers };
        members.enter(&member, term).await?;
        members.wake().await?;
        info!(%id, name = member.name, "runner joins");

        let (renewed, seen) = watch::channel(Renewed { asked: Instant::now(), held: Vec::new() });
        let hints = Arc::new(Notify::new());
        let leaving = CancellationToken::new();
        let heart = Heart {
            member,
            members: members.clone(),
            leases: leases.clone(),
            term,
            renewed,
            leaving: leaving.clone(),
            health: health.clone(),
        };
        let ear = (self.read_models, schema, Arc::clone(&hints));
        let (shadows, filled) = watch::channel(Vec::new());
        let looks = Arc::new(Notify::new());
        let steward = Steward {
            hosts: self.hosts.clone(),
            leases: leases.clone(),
            members: members.clone(),
            lease_pool,
            read_models: limited,
            looks: Arc::clone(&looks),
            hints: Arc::clone(&hints),
            shadows,
            filling: HashMap::new(),
            unasked,
        };
        let coordinator = Coordinator {
            id,
            store: self.store,
            hosts: self.hosts,
            shadows: filled,
            looks,
            leases,
            members,
            batches: batch_pool,
            idle_limit,
            breaker: SlotBreaker::new(),
            options: self.options,
            hints,
            renewed: seen,
            leaving,
            slots: Slots::default(),
            health,
            replaced: Vec::new(),
        };
        Ok(Work { heart, ear, steward, coordinator })
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(|host| host.consumer()).collect();
        f.debug_struct("Runner")
            .field("options", &self.options)
            .field("hosts", &hosts)
            .finish_non_exhaustive()
    }
}

/// What a runner consists of, ready to work.
struct Work {
    heart: Heart,
    ear: (ConnectOptions, annals_eventstore::postgres::SchemaName, Arc<Notify>),
    steward: Steward,
    coordinator: Coordinator,
}

impl Work {
    fn health(&self) -> RunnerHealth {
        self.coordinator.health.clone()
    }

    async fn run(self, stop: CancellationToken) {
        let pause = self.coordinator.options.heartbeat();
        let (options, schema, hints) = self.ear;
        let _heart = AbortOnDropHandle::new(tokio::spawn(self.heart.beat(pause)));
        let _ear = AbortOnDropHandle::new(tokio::spawn(listen(options, schema, hints)));
        let _steward = AbortOnDropHandle::new(tokio::spawn(self.steward.run()));
        self.coordinator.run(stop).await;
    }
}
