//! The slots that a runner works on, each a task.
//!
//! `running -> giving (finishes the batch at hand) -> ended`

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use annals_eventstore::postgres::{CheckpointError, Consumer, HeldLease, SlotError, SlotStatus};
use annals_eventstore::{Partition, RunnerId, StopReason};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use super::heart::Renewed;
use super::slot_run::SlotRun;
use crate::telemetry::{self, Held};
use crate::told::in_full;

/// What became of a slot.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It ended as it was told to.
    Stopped,
    /// Somebody else has it.
    TakenOver,
    /// It cannot go on, and trying again does not mend it.
    Failed(String),
}

/// The slots of all projections of a runner.
#[derive(Debug, Default)]
pub(super) struct Slots {
    running: HashMap<HeldLease, Running>,
    tasks: JoinSet<(HeldLease, Outcome)>,
}

#[derive(Debug)]
struct Running {
    taken: Instant,
    stop: CancellationToken,
    errands: Arc<Notify>,
    abort: AbortHandle,
    _counted: Held,
}

impl Slots {
    /// Begins to work on a slot.
    pub(super) fn begin(&mut self, held: HeldLease, errands: Arc<Notify>, run: SlotRun) {
        let stop = CancellationToken::new();
        let span = info_span!("slot", projection = %held.consumer.name, partition = held.partition.0);
        let (lease, told) = (held.clone(), stop.clone());
        let work = async move {
            let ended = AssertUnwindSafe(run(told)).catch_unwind().await;
            let outcome = match ended {
                Ok(Ok(_)) => Outcome::Stopped,
                Ok(Err(SlotError::Checkpoint(CheckpointError::TakenOver { .. }))) => Outcome::TakenOver,
                // Somebody stopped the tailer of the process, which says nothing about the slot.
                Ok(Err(SlotError::Subscription(StopReason::TailerStopped | StopReason::Unsubscribed))) => {
                    Outcome::Stopped
                }
                Ok(Err(error)) => Outcome::Failed(in_full(&error)),
                Err(_) => Outcome::Failed("it panicked; the batch at hand was rolled back".to_owned()),
            };
            (lease, outcome)
        };
        let abort = self.tasks.spawn(work.instrument(span));
        telemetry::count_of(&telemetry::LEASES_TAKEN, &held.consumer);
        let counted = Held::of(&held.consumer);
        self.running.insert(held, Running { taken: Instant::now(), stop, errands, abort, _counted: counted });
    }

    /// Returns the slots of a projection that are worked on, by their number.
    pub(super) fn of(&self, projection: &str, version: i32) -> Vec<Partition> {
        let is_of =
            |held: &&HeldLease| (held.consumer.name.as_str(), held.consumer.version) == (projection, version);
        let mut slots: Vec<_> = self.running.keys().filter(is_of).map(|held| held.partition).collect();
        slots.sort_unstable();
        slots
    }

    /// Tells whether a lease is worked under.
    pub(super) fn has(&self, held: &HeldLease) -> bool {
        self.running.contains_key(held)
    }

    /// Tells some slots to end after the batch at hand.
    pub(super) fn stop(&self, is_meant: impl Fn(&HeldLease) -> bool) {
        self.running.iter().filter(|(held, _)| is_meant(held)).for_each(|(_, slot)| slot.stop.cancel());
    }

    /// Tells some slots that their owner is asked for something.
    pub(super) fn send_on_errand(&self, is_meant: impl Fn(&HeldLease) -> bool) {
        self.running
            .iter()
            .filter(|(held, _)| is_meant(held))
            .for_each(|(_, slot)| slot.errands.notify_one());
    }

    /// Ends slots whose lease was lost, at once: what they have in hand would be refused.
    pub(super) fn drop_lost(&mut self, renewed: &Renewed) {
        self.drop_unless(|held, slot| slot.taken >= renewed.asked || renewed.held.contains(held));
    }

    /// Ends slots that were taken from this runner before it was asked who has which.
    pub(super) fn drop_taken(
        &mut self,
        consumer: &Consumer,
        me: RunnerId,
        slots: &[SlotStatus],
        asked: Instant,
    ) {
        let ours = slots.iter().filter(|slot| slot.lease.owner == Some(me));
        let held = ours.map(|slot| HeldLease {
            consumer: consumer.clone(),
            partition: slot.partition,
            epoch: slot.lease.epoch,
        });
        let held: Vec<_> = held.collect();
        self.drop_unless(|lease, slot| {
            lease.consumer != *consumer || slot.taken >= asked || held.contains(lease)
        });
    }

    fn drop_unless(&mut self, is_kept: impl Fn(&HeldLease, &Running) -> bool) {
        self.running.retain(|held, slot| {
            let kept = is_kept(held, slot);
            if !kept {
                telemetry::count_of(&telemetry::LEASES_LOST, &held.consumer);
                slot.abort.abort();
            }
            kept
        });
    }

    /// Waits for the next slot that ends by itself or as it was told; never returns while there is none.
    pub(super) async fn next_ended(&mut self) -> (HeldLease, Outcome) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((held, outcome))) => {
                    self.running.remove(&held);
                    return (held, outcome);
                }
                // One that was lost.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Ends all that is left, rolling back what it has in hand.
    pub(super) async fn abort(&mut self) {
        self.tasks.shutdown().await;
        self.running.clear();
    }
}
