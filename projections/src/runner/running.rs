//! A runner in the background.

use annals_eventstore::RunnerId;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The handle of a runner. Dropping it tells the runner to stop.
#[derive(Debug)]
pub struct RunningRunner {
    id: RunnerId,
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl RunningRunner {
    pub(super) fn new(id: RunnerId, stop: CancellationToken, task: JoinHandle<()>) -> Self {
        Self { id, stop: stop.drop_guard(), task }
    }

    /// Returns which run it is.
    pub fn id(&self) -> RunnerId {
        self.id
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
