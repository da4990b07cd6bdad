//! The loop of a runner: looks at slots and runners, takes what it lacks, gives what is another's.
//!
//! ```text
//! slot   free -> taken -> running -> giving -> given back
//!                                 -> lost (its lease was over and somebody took it)
//!                                 -> stopped (it cannot go on; nobody takes it before it is resumed)
//! ```
//!
//! It looks when it is woken – somebody joined, left or gave a slot back –, when somebody's lease is over, and at each
//! heartbeat. A slot that is given back is worked on to the end of its batch first; the loop does not wait for that.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::{CheckpointError, Consumer, HeldLease, Leases, SlotBreaker, SlotStatus};
use annals_eventstore::{Partition, PostgresStore, RunnerId, fail_point};
use deadpool_postgres::Pool;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::health::RunnerHealth;
use super::heart::Renewed;
use super::host::{Dealt, Host};
use super::members::Members;
use super::options::RunnerOptions;
use super::share::{plan, turn};
use super::slots::{Outcome, Slots};
use super::steward::Shadows;
use crate::telemetry;

/// How long after a lease is over somebody looks, so that the clock of the database has come so far.
const AFTER_EXPIRY: Duration = Duration::from_millis(20);

/// How soon a slot is tried again whose owner before is still in the middle of something.
const TAKE_AGAIN: Duration = Duration::from_millis(200);

pub(super) struct Coordinator {
    pub(super) id: RunnerId,
    pub(super) store: PostgresStore,
    pub(super) hosts: Vec<Arc<dyn Host>>,
    /// The rebuilds that are filled here, as hosts.
    pub(super) shadows: watch::Receiver<Shadows>,
    /// Tells whoever looks after rebuilds that this looks.
    pub(super) looks: Arc<Notify>,
    pub(super) leases: Leases,
    pub(super) members: Members,
    /// Connections for batches, and how long the server bears with one that does nothing in a transaction.
    pub(super) batches: Pool,
    pub(super) idle_limit: Option<Duration>,
    /// Before the database of the read models, for all slots.
    pub(super) breaker: SlotBreaker,
    pub(super) options: RunnerOptions,
    pub(super) hints: Arc<Notify>,
    pub(super) renewed: watch::Receiver<Renewed>,
    /// Tells the heart that it is no member any more.
    pub(super) leaving: CancellationToken,
    pub(super) slots: Slots,
    pub(super) health: RunnerHealth,
    /// What is hosted and not needed any more.
    pub(super) replaced: Vec<Consumer>,
}

impl Coordinator {
    /// Works until it is told to stop; then gives everything back and leaves.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.look().await {
                Ok(pause) => pause,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "runner cannot look at the slots; it tries again");
                    self.options.heartbeat()
                }
            };
            self.health.coordinator_turned();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                (held, outcome) = self.slots.next_ended() => self.ended(held, outcome).await,
                Ok(()) = self.renewed.changed() => {
                    let renewed = self.renewed.borrow_and_update().clone();
                    self.slots.drop_lost(&renewed);
                }
                () = self.hints.notified() => {}
                () = sleep(pause) => {}
            }
        }
        self.leave().await;
    }

    /// Takes and gives what is to be taken and given; returns when to look again.
    async fn look(&mut self) -> Result<Duration, CheckpointError> {
        fail_point!(coordinator_before_look);
        self.looks.notify_one();
        self.members.remove_dead().await?;
        let mut pause = self.options.heartbeat();
        let hosts = self.hosts();
        self.slots.stop(|held| hosts.iter().all(|host| host.consumer() != held.consumer));
        for host in &hosts {
            let consumer = host.consumer();
            let asked_at = Instant::now();
            let slots = self.leases.list(&consumer).await?;
            let alive: Vec<_> =
                self.members.alive(&host.member()).await?.iter().map(|runner| runner.id).collect();
            self.tell_replaced(&consumer, &slots);
            self.slots.drop_taken(&consumer, self.id, &slots, asked_at);
            self.release_idle(&consumer, &slots).await?;
            let asked = self.members.asked(&consumer).await?;
            let is_asked = |held: &HeldLease| {
                held.consumer == consumer && (asked.contains(&None) || asked.contains(&Some(held.partition)))
            };
            self.slots.send_on_errand(is_asked);
            let mine = self.slots.of(&consumer.name, consumer.version);
            let plan = plan(&slots, &alive, self.id, &mine, turn(&consumer));
            self.slots.stop(|held| held.consumer == consumer && plan.give.contains(&held.partition));
            let taken = self.take(&**host, &consumer, plan.take, plan.wanted, slots.len()).await?;
            if taken > 0 {
                self.slots.send_on_errand(is_asked);
            }
            if taken < plan.wanted {
                pause = pause.min(self.expires_next(&slots).map_or(pause, |next| next + AFTER_EXPIRY));
            }
        }
        Ok(pause)
    }

    /// Says once of a projection that it is not needed any more.
    fn tell_replaced(&mut self, consumer: &Consumer, slots: &[SlotStatus]) {
        if slots.iter().any(|slot| slot.is_replaced) && !self.replaced.contains(consumer) {
            error!(
                projection = %consumer.name,
                version = consumer.version,
                "a newer version has taken the tables over; this one is not worked on any more"
            );
            self.replaced.push(consumer.clone());
        }
    }

    /// The projections that are hosted, and the rebuilds of them.
    fn hosts(&self) -> Vec<Arc<dyn Host>> {
        self.hosts.iter().chain(&*self.shadows.borrow()).cloned().collect()
    }

    /// Takes free slots up to a number; returns how many.
    async fn take(
        &mut self,
        host: &dyn Host,
        consumer: &Consumer,
        free: Vec<Partition>,
        wanted: usize,
        partitions: usize,
    ) -> Result<usize, CheckpointError> {
        let mut taken = 0;
        for partition in free {
            if taken == wanted {
                break;
            }
            match self.leases.take(consumer, partition, self.id, self.options.lease).await {
                Ok(Some(claimed)) => {
                    fail_point!(coordinator_after_take);
                    let held = HeldLease { consumer: consumer.clone(), partition, epoch: claimed.epoch() };
                    let partitions = u16::try_from(partitions).unwrap_or(u16::MAX);
                    let errands = Arc::<Notify>::default();
                    let statements = self.members.statements();
                    let of = Dealt {
                        partitions,
                        statements,
                        errands: Arc::clone(&errands),
                        idle_limit: self.idle_limit,
                        breaker: self.breaker.clone(),
                        shadow: None,
                    };
                    let run = host.slot(&self.store, self.batches.clone(), claimed, of);
                    info!(projection = %consumer.name, partition = partition.0, "slot taken");
                    self.slots.begin(held, errands, run);
                    taken += 1;
                }
                Ok(None) => {}
                // The owner before is in the middle of a commit, or the database stands still.
                Err(error) if error.is_transient() => {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, projection = %consumer.name, partition = partition.0, "slot cannot be taken yet");
                    self.look_again();
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    error!(error, projection = %consumer.name, partition = partition.0, "slot cannot be taken");
                }
            }
        }
        Ok(taken)
    }

    fn look_again(&self) {
        let hints = Arc::clone(&self.hints);
        tokio::spawn(async move {
            sleep(TAKE_AGAIN).await;
            hints.notify_one();
        });
    }

    /// Gives leases back that are ours and that nobody works under: an answer was lost, or giving it back failed.
    async fn release_idle(&self, consumer: &Consumer, slots: &[SlotStatus]) -> Result<(), CheckpointError> {
        let ours = slots.iter().filter(|slot| slot.lease.owner == Some(self.id));
        let held = ours.map(|slot| HeldLease {
            consumer: consumer.clone(),
            partition: slot.partition,
            epoch: slot.lease.epoch,
        });
        let idle: Vec<_> = held.filter(|held| !self.slots.has(held)).collect();
        if idle.is_empty() {
            return Ok(());
        }
        self.leases.release(self.id, &idle).await?;
        self.members.wake().await
    }

    /// When the next lease of somebody else is over.
    fn expires_next(&self, slots: &[SlotStatus]) -> Option<Duration> {
        let others = slots.iter().filter(|slot| slot.lease.owner != Some(self.id) && !slot.is_free);
        others.map(|slot| slot.remaining).min()
    }

    /// A slot has ended: gives it back, or stops it for everybody.
    async fn ended(&self, held: HeldLease, outcome: Outcome) {
        let (projection, partition) = (&held.consumer.name, held.partition.0);
        let done = match outcome {
            Outcome::Stopped => {
                info!(%projection, partition, "slot given back");
                telemetry::count_of(&telemetry::LEASES_GIVEN_BACK, &held.consumer);
                self.give_back(&held).await
            }
            Outcome::TakenOver => {
                info!(%projection, partition, "slot was taken over");
                telemetry::count_of(&telemetry::LEASES_LOST, &held.consumer);
                self.give_back(&held).await
            }
            Outcome::Failed(why) => {
                error!(%projection, partition, why, "slot stopped");
                self.leases.stop(&held, &why).await.map(drop)
            }
        };
        if let Err(error) = done {
            let error = &error as &dyn std::error::Error;
            warn!(error, %projection, partition, "slot could not be given back; it will be at the next look");
        }
    }

    async fn give_back(&self, held: &HeldLease) -> Result<(), CheckpointError> {
        fail_point!(give_back_before_release);
        self.leases.release(self.id, std::slice::from_ref(held)).await?;
        fail_point!(give_back_before_wake);
        self.members.wake().await?;
        fail_point!(give_back_after_wake);
        Ok(())
    }

    /// Leaves, so that the others share its slots from now on; finishes the batches at hand and gives every slot back.
    async fn leave(mut self) {
        self.leaving.cancel();
        self.say_goodbye().await;
        self.slots.stop(|_| true);
        let grace = self.options.grace;
        let finished = timeout(grace, async {
            while !self.slots.is_empty() {
                let (held, outcome) = self.slots.next_ended().await;
                self.ended(held, outcome).await;
            }
        });
        if finished.await.is_err() {
            warn!(?grace, "batches did not end in time and are rolled back");
        }
        self.slots.abort().await;
        for host in self.hosts() {
            let consumer = host.consumer();
            let released = async {
                let slots = self.leases.list(&consumer).await?;
                self.release_idle(&consumer, &slots).await
            };
            if let Err(error) = released.await {
                let error = &error as &dyn std::error::Error;
                warn!(error, "runner leaves without giving its slots back; their leases will be over");
            }
        }
        // Once more: a heart beat that was under way may have come behind the first time.
        self.say_goodbye().await;
    }

    async fn say_goodbye(&self) {
        if let Err(error) = self.members.leave(self.id).await {
            let error = &error as &dyn std::error::Error;
            warn!(error, "runner could not say that it leaves; others will notice");
        }
    }
}
