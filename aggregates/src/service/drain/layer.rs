//! The end of a command service, and whether it has come.

use tokio_util::task::TaskTracker;
use tower::Layer;

use super::service::Drain;

/// Counts what is under way, and lets nothing in once the end was called. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct DrainLayer {
    tracker: TaskTracker,
}

impl DrainLayer {
    /// Makes a layer that lets everything in until [`DrainLayer::drain`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets nothing more in.
    pub fn close(&self) {
        self.tracker.close();
    }

    /// Lets nothing more in, and waits until everything that is under way has been answered or given up.
    pub async fn drain(&self) {
        self.close();
        self.tracker.wait().await;
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Drain<S> {
        Drain { inner, tracker: self.tracker.clone() }
    }
}
