//! A runner in the background.

use annals_eventstore::RunnerId;
use annals_eventstore::postgres::BreakerState;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::health::RunnerHealth;

/// The handle of a runner. Dropping it tells the runner to stop.
#[derive(Debug)]
pub struct RunningRunner {
    health: RunnerHealth,
    stop: DropGuard,
    task: JoinHandle<()>,
    breaker: watch::Receiver<BreakerState>,
}

impl RunningRunner {
    pub(super) fn new(
        health: RunnerHealth,
        stop: CancellationToken,
        task: JoinHandle<()>,
        breaker: watch::Receiver<BreakerState>,
    ) -> Self {
        Self { health, stop: stop.drop_guard(), task, breaker }
    }

    /// Returns which run it is.
    pub fn id(&self) -> RunnerId {
        self.health.id()
    }

    /// Returns how it is, now and later.
    pub fn health(&self) -> RunnerHealth {
        self.health.clone()
    }

    /// Waits until it ends by itself, which it only does when something is wrong with its code: it panicked.
    ///
    /// # Errors
    ///
    /// What the runtime says of the panic.
    pub async fn ended(&mut self) -> Result<(), JoinError> {
        (&mut self.task).await
    }

    /// Returns where the circuit breaker of its slots stands, and each change: whether the database of the read models is
    /// out of reach.
    pub fn breaker(&self) -> watch::Receiver<BreakerState> {
        self.breaker.clone()
    }

    /// Finishes the batches at hand, gives every slot back and leaves.
    ///
    /// # Panics
    ///
    /// When the runner itself has.
    pub async fn stop(self) {
        self.stop.disarm().cancel();
        self.task.await.expect("nobody else ends the task");
    }

    /// Ends it at once, as a crash would: batches are rolled back, leases run out.
    pub fn abort(self) {
        self.task.abort();
    }
}
