//! Watching the breaker: which state it is in, since when, and how many it has been through.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tower_resilience_circuitbreaker::CircuitState;
use tracing::{info, warn};

use crate::telemetry::{BreakerState, breaker_changed, breakers_open};

/// What is known of one breaker.
#[derive(Debug)]
pub(super) struct Watch {
    category: &'static str,
    open_for: Duration,
    /// The breaker measures by this clock too, which no test can turn.
    opened: Mutex<Option<Instant>>,
    changes: AtomicU64,
    /// Whether it is counted among those that turn commands away.
    is_counted: AtomicBool,
}

impl Watch {
    pub(super) fn new(category: &'static str, open_for: Duration) -> Self {
        let (changes, is_counted) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { category, open_for, opened: Mutex::default(), changes, is_counted }
    }

    /// Notes that the breaker has come into another state.
    pub(super) fn changed_to(&self, state: CircuitState) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        let (opened, told) = match state {
            CircuitState::Closed => (None, BreakerState::Closed),
            CircuitState::Open => (Some(Instant::now()), BreakerState::Open),
            CircuitState::HalfOpen => (None, BreakerState::HalfOpen),
        };
        *self.opened() = opened;
        breaker_changed(self.category, told);
        self.count(told != BreakerState::Closed);
        let category = self.category;
        match told {
            BreakerState::Open => warn!(category, open_for = ?self.open_for, "command breaker opened"),
            BreakerState::Closed => info!(category, "command breaker closed"),
            BreakerState::HalfOpen => {}
        }
    }

    /// Returns how often the state has changed.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Returns after which time a command may be let through. While probes are out that is as long as they would open
    /// the breaker for.
    pub(super) fn retry_after(&self) -> Duration {
        self.opened().map_or(self.open_for, |opened| self.open_for.saturating_sub(opened.elapsed()))
    }

    /// Counts it among those that turn commands away, or no longer. Several services may have breakers of one category.
    fn count(&self, is_open: bool) {
        if self.is_counted.swap(is_open, Ordering::AcqRel) != is_open {
            breakers_open(self.category, if is_open { 1.0 } else { -1.0 });
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
