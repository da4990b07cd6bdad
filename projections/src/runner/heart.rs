//! The heart of a runner: says that it is alive and renews its leases, whatever else the runner is busy with.
//!
//! Guarantees: it shares no loop and no connection with batches, so a slow one costs no lease.

use std::time::Duration;

use annals_eventstore::postgres::{CheckpointError, HeldLease, Leases};
use annals_eventstore::{RunnerId, fail_point};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::health::RunnerHealth;
use super::members::{Members, Membership};
use crate::telemetry;

/// The leases that were renewed: whatever was taken before `asked` and is not among them is lost.
#[derive(Debug, Clone)]
pub(super) struct Renewed {
    pub(super) asked: Instant,
    pub(super) held: Vec<HeldLease>,
}

#[derive(Debug)]
pub(super) struct Heart {
    pub(super) member: Membership,
    pub(super) members: Members,
    pub(super) leases: Leases,
    pub(super) term: Duration,
    pub(super) renewed: watch::Sender<Renewed>,
    /// From then on it keeps leases, for batches that are to be finished, and is no member any more.
    pub(super) leaving: CancellationToken,
    pub(super) health: RunnerHealth,
}

impl Heart {
    /// Beats for ever.
    pub(super) async fn beat(self, pause: Duration) {
        let mut beats = interval(pause);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let asked = Instant::now();
            let renewed = self.renew(self.member.id).await;
            self.health.heart_turned();
            telemetry::count_outcome(&telemetry::RENEWALS, renewed.is_ok());
            match renewed {
                Ok(held) => {
                    self.health.renewed();
                    self.renewed.send_replace(Renewed { asked, held });
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(error, "runner could not renew its leases; it tries again");
                }
            }
        }
    }

    async fn renew(&self, id: RunnerId) -> Result<Vec<HeldLease>, CheckpointError> {
        fail_point!(heart_before_enter);
        // The member first: whoever sees a lease that is over sees no runner any more to leave a share to.
        if !self.leaving.is_cancelled() {
            self.members.enter(&self.member, self.term).await?;
        }
        fail_point!(heart_before_renewal);
        let held = self.leases.renew(id, self.term).await?;
        fail_point!(heart_after_renewal);
        Ok(held)
    }
}
