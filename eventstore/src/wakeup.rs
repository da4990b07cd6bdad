//! Wake-ups: hints that the log may have grown.
//!
//! Guarantees: a reader that waits with [`Wakeups::next`] is never held longer than its poll interval, so a
//! lost hint costs time and never an event. A hint given while nobody waited is not forgotten.
//!
//! Leaves to others: sending hints across processes (`postgres::wake`, `postgres::listen`).

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WokenBy {
    /// The log was simply read on: the first read, or the page after a full one.
    Reading,
    /// A hint.
    Notification,
    /// The poll interval was over.
    Poll,
    /// An open append held settled events back, and the reader looked again whether it has ended.
    LookAgain,
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
        if self.hint_within(self.poll_interval).await { WokenBy::Notification } else { WokenBy::Poll }
    }

    /// Waits for a hint, but no longer than this; tells whether there was one.
    pub(crate) async fn hint_within(&mut self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        match tokio::time::timeout_at(deadline, self.hints.changed()).await {
            Ok(Ok(())) => true,
            // Nobody sends hints any more: only polling is left.
            Ok(Err(_)) => {
                tokio::time::sleep_until(deadline).await;
                false
            }
            Err(_) => false,
        }
    }

    /// The longest wait without a hint.
    pub(crate) fn poll_interval(&self) -> Duration {
        self.poll_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ten_thousand_hints_while_nobody_waits_are_one() {
        let source = WakeupSource::default();
        let mut hints = source.subscribe(Duration::from_millis(1));

        (0..10_000).for_each(|_| source.wake());

        assert_eq!(hints.next().await, WokenBy::Notification);
        assert_eq!(hints.next().await, WokenBy::Poll);
    }

    #[tokio::test]
    async fn without_a_source_every_wait_is_a_poll_of_full_length() {
        let mut hints = WakeupSource::default().subscribe(Duration::from_millis(5));

        let begun = Instant::now();

        assert_eq!(hints.next().await, WokenBy::Poll);
        assert!(begun.elapsed() >= Duration::from_millis(5));
    }
}
