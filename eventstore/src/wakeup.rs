//! Wake-ups: hints that the log may have grown.
//!
//! Guarantees: a reader that waits with [`Wakeups::next`] is never held longer than its poll interval, so a
//! lost hint costs time and never an event. A hint given while nobody waited is not forgotten.
//!
//! Leaves to others: sending hints across processes (`postgres::wake`, `postgres::listen`).

use std::time::Duration;

use tokio::sync::watch;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WokenBy {
    /// The log was simply read on: the first read, or the page after a full one.
    Reading,
    /// A hint.
    Notification,
    /// The poll interval was over.
    Poll,
}

/// The sending side of [`Wakeups`]: one for each log and process.
#[derive(Debug, Clone)]
pub struct WakeupSource(watch::Sender<u64>);

impl Default for WakeupSource {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl WakeupSource {
    /// Hints to everybody who waits, or waits next, that the log may have grown.
    pub fn wake(&self) {
        self.0.send_modify(|hints| *hints = hints.wrapping_add(1));
    }

    /// Returns a receiving side.
    pub fn subscribe(&self, poll_interval: Duration) -> Wakeups {
        Wakeups { hints: self.0.subscribe(), poll_interval }
    }
}

/// A stream of hints that the log may have grown.
///
/// Hints are merged: many since the last wait are one.
#[derive(Debug, Clone)]
pub struct Wakeups {
    hints: watch::Receiver<u64>,
    poll_interval: Duration,
}

impl Wakeups {
    /// Waits for a hint, or for the poll interval to pass.
    pub async fn next(&mut self) -> WokenBy {
        match tokio::time::timeout(self.poll_interval, self.hints.changed()).await {
            Ok(Ok(())) => WokenBy::Notification,
            // Nobody sends hints any more: only polling is left.
            Ok(Err(_)) => {
                tokio::time::sleep(self.poll_interval).await;
                WokenBy::Poll
            }
            Err(_) => WokenBy::Poll,
        }
    }
}
