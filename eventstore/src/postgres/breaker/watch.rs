//! Watching the breaker: which state it is in, since when, and how many it has been through.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tower_resilience_circuitbreaker::CircuitState;
use tracing::{info, warn};

use crate::telemetry::{Breaker, SLOT_BREAKER_CHANGES, SLOT_BREAKERS_OPEN};

/// Where the breaker of the slots stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everybody asks.
    Closed,
    /// The database was not reached so many times in a row: nobody asks.
    Open,
    /// One slot asks.
    HalfOpen,
}

/// What is known of one breaker.
#[derive(Debug)]
pub(super) struct Watch {
    open_for: Duration,
    /// The breaker measures by this clock too, which no test can turn.
    opened: Mutex<Option<Instant>>,
    changes: AtomicU64,
    state: watch::Sender<BreakerState>,
    /// Whether it is counted among those that are not closed.
    is_counted: AtomicBool,
}

impl Watch {
    pub(super) fn new(open_for: Duration) -> Self {
        let (changes, is_counted) = (AtomicU64::new(0), AtomicBool::new(false));
        let state = watch::Sender::new(BreakerState::Closed);
        Self { open_for, opened: Mutex::default(), changes, state, is_counted }
    }

    /// Notes that the breaker has come into another state.
    pub(super) fn changed_to(&self, state: CircuitState) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let (opened, state, told) = match state {
            CircuitState::Closed => (None, BreakerState::Closed, Breaker::Closed),
            CircuitState::Open => (Some(Instant::now()), BreakerState::Open, Breaker::Open),
            CircuitState::HalfOpen => (None, BreakerState::HalfOpen, Breaker::HalfOpen),
        };
        *self.opened() = opened;
        SLOT_BREAKER_CHANGES.count(told);
        self.count(state != BreakerState::Closed);
        let before = self.state.send_replace(state);
        match state {
            // Not each time that it opens again behind a probe.
            BreakerState::Open if before == BreakerState::Closed => {
                warn!(open_for = ?self.open_for, "slot breaker opened");
            }
            BreakerState::Closed => info!("slot breaker closed"),
            BreakerState::Open | BreakerState::HalfOpen => {}
        }
    }

    pub(super) fn state(&self) -> watch::Receiver<BreakerState> {
        self.state.subscribe()
    }

    /// Returns how often the state has changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Returns after which time somebody may be let through. While a probe is out that is as long as it would open the
    /// breaker for.
    pub(super) fn retry_after(&self) -> Duration {
        self.opened().map_or(self.open_for, |opened| self.open_for.saturating_sub(opened.elapsed()))
    }

    /// Counts it among those that are not closed, or no longer. A process may have several.
    fn count(&self, is_open: bool) {
        if self.is_counted.swap(is_open, Ordering::AcqRel) != is_open {
            SLOT_BREAKERS_OPEN.change((), if is_open { 1.0 } else { -1.0 });
        }
    }

    fn opened(&self) -> MutexGuard<'_, Option<Instant>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.count(false);
    }
}
