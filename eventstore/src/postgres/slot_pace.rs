//! How many events a second slots may apply, all of them together.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A number of events a second, which slots share. What is spent is waited for afterwards and outside of any
/// transaction; no batch has more than what a second allows.
#[derive(Debug)]
pub struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    events_per_second: Option<f64>,
    /// When all that was spent is paid for.
    due: Instant,
}

impl Pace {
    /// Allows so many events a second; any number where nothing is given.
    pub fn of(events_per_second: Option<f64>) -> Self {
        Self(Mutex::new(State { events_per_second, due: Instant::now() }))
    }

    /// Sets how many are allowed from now on. A number that is not above nought allows any.
    pub fn set(&self, events_per_second: Option<f64>) {
        self.locked().events_per_second = events_per_second;
    }

    /// Returns how many events a batch may have.
    pub(super) fn piece(&self) -> usize {
        let rate = self.locked().events_per_second.filter(|rate| *rate > 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "above nought, and any more is all"
        )]
        rate.map_or(usize::MAX, |rate| (rate as usize).max(1))
    }

    /// Waits until so many events are paid for.
    pub(super) async fn spend(&self, events: usize) {
        let due = {
            let mut state = self.locked();
            let Some(rate) = state.events_per_second.filter(|rate| *rate > 0.0) else { return };
            let begun = state.due.max(Instant::now());
            #[expect(clippy::cast_precision_loss, reason = "a batch has some thousands of events")]
            let seconds = Duration::try_from_secs_f64(events as f64 / rate).unwrap_or(Duration::MAX);
            state.due = begun.checked_add(seconds).unwrap_or(begun);
            state.due
        };
        sleep_until(due).await;
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_several_spend_is_paid_for_one_after_the_other() {
        let (pace, begun) = (Pace::of(Some(100.0)), Instant::now());

        tokio::join!(pace.spend(50), pace.spend(100));

        assert_eq!(begun.elapsed().as_millis(), 1500);
        assert_eq!(pace.piece(), 100);
        pace.set(None);
        pace.spend(1_000_000).await;
        assert_eq!(begun.elapsed().as_millis(), 1500);
    }
}
