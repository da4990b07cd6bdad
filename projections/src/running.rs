//! A projection that runs in the background.

use std::time::Duration;

use annals_eventstore::postgres::SlotError;
use annals_eventstore::{Checkpoint, GlobalPosition};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The handle of a running projection. Dropping it tells the projection to stop.
#[derive(Debug)]
pub struct RunningProjection {
    name: &'static str,
    progress: watch::Receiver<GlobalPosition>,
    stop: DropGuard,
    task: JoinHandle<Result<Checkpoint, SlotError>>,
}

/// Why waiting for a position gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time was over; the projection goes on.
    #[error("projection {projection} is at {reached}, not yet at {wanted}")]
    TimedOut {
        /// The projection.
        projection: &'static str,
        /// The position waited for.
        wanted: GlobalPosition,
        /// Where it is.
        reached: GlobalPosition,
    },
    /// The projection has stopped; [`RunningProjection::stop`] tells why.
    #[error("projection {projection} has stopped at {reached}")]
    Stopped {
        /// The projection.
        projection: &'static str,
        /// Where it was.
        reached: GlobalPosition,
    },
}

/// Why a projection had stopped before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// A fault that waiting does not mend.
    #[error("projection {projection} stopped")]
    Failed {
        /// The projection.
        projection: &'static str,
        /// What happened.
        #[source]
        source: SlotError,
    },
    /// It panicked; the batch at hand was rolled back.
    #[error("projection {projection} panicked")]
    Panicked {
        /// The projection.
        projection: &'static str,
        /// What the runtime said.
        #[source]
        source: JoinError,
    },
}

impl RunningProjection {
    pub(crate) fn new(
        name: &'static str,
        progress: watch::Receiver<GlobalPosition>,
        stop: CancellationToken,
        task: JoinHandle<Result<Checkpoint, SlotError>>,
    ) -> Self {
        Self { name, progress, stop: stop.drop_guard(), task }
    }

    /// Returns the position up to which everything is in the read model.
    pub fn position(&self) -> GlobalPosition {
        *self.progress.borrow()
    }

    /// Waits until the read model holds everything up to a position, such as that of one's own append.
    ///
    /// # Errors
    ///
    /// [`WaitError`] when the time is over or the projection has stopped.
    pub async fn wait_for(&self, position: GlobalPosition, timeout: Duration) -> Result<(), WaitError> {
        let mut progress = self.progress.clone();
        let reached = tokio::time::timeout(timeout, progress.wait_for(|reached| *reached >= position)).await;
        let (projection, here) = (self.name, self.position());
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(WaitError::Stopped { projection, reached: here }),
            Err(_) => Err(WaitError::TimedOut { projection, wanted: position, reached: here }),
        }
    }

    /// Waits until the projection stops by itself, and tells why.
    ///
    /// # Errors
    ///
    /// [`Stopped`] – it does not end otherwise while this handle lives.
    pub async fn stopped(&mut self) -> Result<Checkpoint, Stopped> {
        outcome(self.name, (&mut self.task).await)
    }

    /// Tells the projection to stop after the batch at hand, and waits for it.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when it had stopped before, with the reason.
    pub async fn stop(self) -> Result<Checkpoint, Stopped> {
        self.stop.disarm().cancel();
        outcome(self.name, self.task.await)
    }
}

fn outcome(
    projection: &'static str,
    ended: Result<Result<Checkpoint, SlotError>, JoinError>,
) -> Result<Checkpoint, Stopped> {
    match ended {
        Ok(Ok(checkpoint)) => Ok(checkpoint),
        Ok(Err(source)) => Err(Stopped::Failed { projection, source }),
        Err(source) => Err(Stopped::Panicked { projection, source }),
    }
}
