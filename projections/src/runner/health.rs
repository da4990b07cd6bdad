//! How a runner is: whether its loops turn, when its leases were last renewed, whether it is stopping.
//!
//! Guarantees: asking costs no lock that a loop waits for, and no question to the database; a loop that fails and tries
//! again turns, one that waits for an answer that does not come stands still.

use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::RunnerId;
use annals_eventstore::postgres::Consumer;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{set_ages, set_pool};

/// How a runner is. Clones look at the same one, also when it has ended.
#[derive(Debug, Clone)]
pub struct RunnerHealth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: RunnerId,
    projections: Vec<Consumer>,
    lease: Duration,
    stop: CancellationToken,
    coordinator: watch::Sender<Instant>,
    heart: watch::Sender<Instant>,
    renewed: watch::Sender<Instant>,
    batches: Pool,
    leases: Pool,
}

/// When a loop of a runner last came to the end of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopTurn {
    /// Which loop: `coordinator`, which takes and gives slots, or `heart`, which renews leases.
    pub name: &'static str,
    /// How long ago; since the runner began, where it has not turned yet.
    pub ago: Duration,
}

impl RunnerHealth {
    pub(super) fn new(
        id: RunnerId,
        projections: Vec<Consumer>,
        lease: Duration,
        stop: CancellationToken,
        (batches, leases): (Pool, Pool),
    ) -> Self {
        let now = || watch::Sender::new(Instant::now());
        let (coordinator, heart, renewed) = (now(), now(), now());
        Self(Arc::new(Inner { id, projections, lease, stop, coordinator, heart, renewed, batches, leases }))
    }

    /// Returns which run it is.
    pub fn id(&self) -> RunnerId {
        self.0.id
    }

    /// Returns the projections that it hosts.
    pub fn projections(&self) -> &[Consumer] {
        &self.0.projections
    }

    /// Returns how long a lease lasts. Each loop turns three times within it, unless it has to wait for an answer.
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// Tells whether it was told to stop. Then it finishes batches, and its coordinator turns no more.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.is_cancelled()
    }

    /// Returns when each of its loops last came to the end of a turn.
    pub fn turns(&self) -> [LoopTurn; 2] {
        let turn = |name, at: &watch::Sender<Instant>| LoopTurn { name, ago: at.borrow().elapsed() };
        [turn("coordinator", &self.0.coordinator), turn("heart", &self.0.heart)]
    }

    /// Returns how long ago it last renewed its leases. Where that is longer than a lease others may have its slots.
    pub fn renewed_ago(&self) -> Duration {
        self.0.renewed.borrow().elapsed()
    }

    /// Says it in metrics. The gauges hold what was so at the last call: call it when they are asked for.
    pub fn observe(&self) {
        let turns = self.turns().map(|turn| (turn.name, turn.ago.as_secs_f64()));
        set_ages(self.renewed_ago().as_secs_f64(), &turns);
        set_pool("batches", &self.0.batches.status());
        set_pool("leases", &self.0.leases.status());
    }

    pub(super) fn coordinator_turned(&self) {
        self.0.coordinator.send_replace(Instant::now());
    }

    pub(super) fn heart_turned(&self) {
        self.0.heart.send_replace(Instant::now());
    }

    pub(super) fn renewed(&self) {
        self.0.renewed.send_replace(Instant::now());
    }
}
