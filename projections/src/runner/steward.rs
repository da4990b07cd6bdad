//! Whoever does the steps of rebuilds in a runner. Every runner that hosts the projection tries; the row of the rebuild is
//! locked by the one that does the step.
//!
//! It looks whenever the coordinator does. While a rebuild is under way it also looks how far the live slots have come, and
//! lets those that fill go as far.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{CheckpointError, ConnectOptions, Consumer, Leases, SlotStatus, connect};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::host::Host;
use super::members::Members;
use super::shadow::Shadow;
use crate::rebuild::{
    Rebuild, RebuildState, StepError, build_beside, cursors, drop_replaced, is_near, remove, set_up, swap,
};
use crate::statements::Statements;
use crate::told::in_full;

/// How often it is looked while a rebuild is under way.
const LOOK: Duration = Duration::from_millis(100);

/// How often, while a step is done here: batches of the live projection may wait until the new tables have come as far.
const LOOK_CLOSELY: Duration = Duration::from_millis(10);

/// How soon a step is tried again that was not done.
const AGAIN: Duration = Duration::from_millis(250);

/// How soon, where somebody has to see to something first.
const AGAIN_LATER: Duration = Duration::from_secs(1);

/// How often it is looked whether a slot has stopped, and how many runners share the pace.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// The rebuilds that a runner fills, as hosts of slots.
pub(super) type Shadows = Vec<Arc<dyn Host>>;

pub(super) struct Steward {
    pub(super) hosts: Vec<Arc<dyn Host>>,
    pub(super) leases: Leases,
    pub(super) members: Members,
    pub(super) lease_pool: Pool,
    pub(super) read_models: ConnectOptions,
    /// Notified when the coordinator looks.
    pub(super) looks: Arc<Notify>,
    /// Tells the coordinator that there is something to look at.
    pub(super) hints: Arc<Notify>,
    pub(super) shadows: watch::Sender<Shadows>,
    pub(super) filling: HashMap<i64, Filling>,
    /// Versions that are to be built beside older ones, when another rebuild of theirs is over.
    pub(super) unasked: Vec<(Consumer, i32)>,
}

/// A rebuild that is filled here.
pub(super) struct Filling {
    shadow: Arc<Shadow>,
    is_near: bool,
    /// What was told of slots that have stopped.
    told: Option<String>,
    looks_around_at: Instant,
}

impl Filling {
    /// Tells the rebuild of slots that have stopped, and that they have not any more.
    async fn tell_stopped(
        &mut self,
        slots: &[SlotStatus],
        statements: &Statements,
        read_models: &Pool,
    ) -> Result<(), CheckpointError> {
        let stopped = slots.iter().find_map(|slot| Some((slot.partition.0, slot.stopped.as_ref()?)));
        let told = stopped.map(|(slot, why)| format!("slot {slot} has stopped: {why}"));
        if told != self.told {
            let client = read_models.get().await?;
            statements.rebuild_waits.query(&**client, &[&self.shadow.rebuild.id, &told]).await?;
            self.told = told;
        }
        Ok(())
    }
}

/// The steps that are under way, or are to be tried later.
#[derive(Default)]
struct Steps {
    tasks: JoinSet<(i64, Result<bool, StepError>)>,
    under_way: Vec<i64>,
    not_before: HashMap<i64, Instant>,
}

impl Steward {
    /// Works for ever.
    pub(super) async fn run(mut self) {
        let mut steps = Steps::default();
        loop {
            let open = match self.look().await {
                Ok(open) => open,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "runner cannot look at rebuilds; it tries again");
                    Vec::new()
                }
            };
            for rebuild in &open {
                self.begin_step(rebuild, &mut steps);
            }
            let is_idle = open.is_empty() && self.filling.is_empty() && steps.under_way.is_empty();
            let pause = if steps.under_way.is_empty() { LOOK } else { LOOK_CLOSELY };
            tokio::select! {
                () = self.looks.notified() => {}
                () = sleep(pause), if !is_idle => {}
                Some(Ok((id, ended))) = steps.tasks.join_next() => self.ended(id, ended, &mut steps).await,
            }
        }
    }

    fn statements(&self) -> Arc<Statements> {
        self.members.statements()
    }

    fn host_of(&self, rebuild: &Rebuild) -> Option<&Arc<dyn Host>> {
        self.hosts.iter().find(|host| host.consumer() == rebuild.projection)
    }

    /// Looks which rebuilds of what is hosted here are under way, and how far those may go that are filled.
    async fn look(&mut self) -> Result<Vec<Rebuild>, CheckpointError> {
        let client = self.lease_pool.get().await?;
        let rows = self.statements().open_rebuilds.query(&**client, &[]).await?;
        drop(client);
        let open: Vec<Option<Rebuild>> = rows.iter().map(Rebuild::of).collect::<Result<_, _>>()?;
        let mut open: Vec<Rebuild> = open.into_iter().flatten().collect();
        self.ask_again(&open).await?;
        // The last steps need nobody who knows the tables: any version of the projection may do them.
        open.retain(|rebuild| match rebuild.state {
            RebuildState::Asked | RebuildState::Filling => self.host_of(rebuild).is_some(),
            _ => self.hosts.iter().any(|host| host.consumer().name == rebuild.projection.name),
        });
        self.publish(&open);
        self.follow_live().await?;
        Ok(open)
    }

    /// Asks for what could not be asked for while another rebuild was under way.
    async fn ask_again(&mut self, open: &[Rebuild]) -> Result<(), CheckpointError> {
        let is_free = |name: &str| open.iter().all(|rebuild| rebuild.projection.name != name);
        let Some(nth) = self.unasked.iter().position(|(projection, _)| is_free(&projection.name)) else {
            return Ok(());
        };
        let (projection, older) = &self.unasked[nth];
        if build_beside(&self.lease_pool, &self.statements(), projection, *older).await? {
            self.unasked.remove(nth);
        }
        self.looks.notify_one();
        Ok(())
    }

    /// Tells the coordinator what is filled, where that has changed.
    fn publish(&mut self, open: &[Rebuild]) {
        let is_filled =
            |id: i64| open.iter().any(|rebuild| rebuild.id == id && rebuild.state == RebuildState::Filling);
        let before = self.filling.len();
        self.filling.retain(|id, _| is_filled(*id));
        let mut has_changed = self.filling.len() != before;
        for rebuild in open.iter().filter(|rebuild| rebuild.state == RebuildState::Filling) {
            let Some(host) = self.host_of(rebuild).filter(|_| !self.filling.contains_key(&rebuild.id)) else {
                continue;
            };
            let (host, pool) = (Arc::clone(host), self.lease_pool.clone());
            let shadow = Arc::new(Shadow::new(host, rebuild.clone(), self.statements(), pool));
            let filling = Filling { shadow, is_near: false, told: None, looks_around_at: Instant::now() };
            self.filling.insert(rebuild.id, filling);
            has_changed = true;
        }
        if has_changed {
            let shadows = self.filling.values().map(|filling| Arc::clone(&filling.shadow) as Arc<dyn Host>);
            self.shadows.send_replace(shadows.collect());
            self.hints.notify_one();
        }
    }

    async fn follow_live(&mut self) -> Result<(), CheckpointError> {
        let statements = self.statements();
        for filling in self.filling.values_mut() {
            let (rebuild, now) = (&filling.shadow.rebuild, Instant::now());
            let client = self.lease_pool.get().await?;
            let live = cursors(&**client, &statements, &rebuild.live).await?;
            let new = cursors(&**client, &statements, &rebuild.filler()).await?;
            drop(client);
            filling.is_near = is_near(&live, &new, rebuild.partitions);
            filling.shadow.follow(live);
            if filling.looks_around_at <= now {
                filling.looks_around_at = now + LOOK_AROUND;
                filling.shadow.share_pace(self.members.alive(&rebuild.projection).await?.len());
                let stopped = self.leases.list(&rebuild.filler()).await?;
                filling.tell_stopped(&stopped, &statements, &self.lease_pool).await?;
            }
        }
        Ok(())
    }

    /// Begins the next step of a rebuild, if it is time for one.
    fn begin_step(&self, rebuild: &Rebuild, steps: &mut Steps) {
        let is_near = self.filling.get(&rebuild.id).is_some_and(|filling| filling.is_near);
        let is_early = steps.not_before.get(&rebuild.id).is_some_and(|time| *time > Instant::now());
        if is_early
            || steps.under_way.contains(&rebuild.id)
            || (rebuild.state == RebuildState::Filling && !is_near)
        {
            return;
        }
        let step = Step {
            host: self.host_of(rebuild).cloned(),
            leases: self.leases.clone(),
            read_models: self.read_models.clone(),
            statements: self.statements(),
            rebuild: rebuild.clone(),
        };
        steps.under_way.push(rebuild.id);
        steps.tasks.spawn(async move { (step.rebuild.id, step.run().await) });
    }

    /// A step has ended: what it waits for is told, and what it fails by.
    async fn ended(&self, id: i64, ended: Result<bool, StepError>, steps: &mut Steps) {
        steps.under_way.retain(|under_way| *under_way != id);
        let (statements, again) = (self.statements(), Instant::now());
        let (pause, told) = match &ended {
            Ok(true) => {
                steps.not_before.remove(&id);
                info!(rebuild = id, "step of a rebuild is done");
                return self.hints.notify_one();
            }
            Ok(false) => (AGAIN, None),
            Err(error @ (StepError::Database(_) | StepError::Elsewhere(_))) => {
                let error = error as &dyn std::error::Error;
                warn!(rebuild = id, error, "step of a rebuild could not be done; it is tried again");
                (AGAIN_LATER, None)
            }
            Err(StepError::Waits(why)) => (AGAIN_LATER, Some((&statements.rebuild_waits, why))),
            Err(StepError::Fails(why)) => (AGAIN, Some((&statements.rebuild_fails, why))),
        };
        steps.not_before.insert(id, again + pause);
        let Some((statement, why)) = told else { return };
        warn!(rebuild = id, why, "rebuild cannot go on");
        let noted = async {
            let client = self.lease_pool.get().await?;
            statement.query(&**client, &[&id, why]).await?;
            Ok::<_, CheckpointError>(())
        };
        if let Err(error) = noted.await {
            let error = &error as &dyn std::error::Error;
            warn!(rebuild = id, error, "what a rebuild waits for could not be noted");
        }
    }
}

/// One step of a rebuild, through a connection of its own: it may take a while, and batches go on beside it.
struct Step {
    /// Whoever knows its tables.
    host: Option<Arc<dyn Host>>,
    leases: Leases,
    read_models: ConnectOptions,
    statements: Arc<Statements>,
    rebuild: Rebuild,
}

impl Step {
    async fn run(&self) -> Result<bool, StepError> {
        let connected = connect(&self.read_models).await;
        let mut client = connected.map_err(|error| StepError::Waits(in_full(&error)))?.into_client();
        let (client, statements, rebuild) = (&mut client, &*self.statements, &self.rebuild);
        match rebuild.state {
            RebuildState::Asked => {
                let Some(host) = &self.host else { return Ok(false) };
                // Before the tables: who fills them is nobody's before they are there.
                let (filler, shadow) = (rebuild.filler(), rebuild.shadow());
                let registered = self.leases.register(&filler, rebuild.partitions, Some(shadow.as_str()));
                registered.await.map_err(StepError::of_tables)?;
                set_up(client, statements, rebuild, &**host).await
            }
            RebuildState::Filling => swap(client, statements, rebuild).await,
            RebuildState::Swapped => drop_replaced(client, statements, rebuild).await,
            RebuildState::Cancelling | RebuildState::Failing => remove(client, statements, rebuild).await,
            RebuildState::Done | RebuildState::Cancelled | RebuildState::Failed => Ok(false),
        }
    }
}
