//! A clock that stands still until it is told to go on.
//!
//! Guarantees: all who have a clone of it, and all contexts by it, see the same time.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A clock for tests: it stands still until it is told to go on. Clones show the same time.
///
/// [`Context::by`](crate::Context::by) makes contexts whose time it is, for the test kit, a repository or handles.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use annals_aggregates::{Context, VirtualClock};
///
/// let clock = VirtualClock::at("2026-12-24T18:00:00Z".parse()?);
/// let context = Context::by(&clock).acting_for("teller 3");
///
/// clock.advance(Duration::from_secs(90));
///
/// assert_eq!(context.now(), "2026-12-24T18:01:30Z".parse::<chrono::DateTime<chrono::Utc>>()?);
/// assert_ne!(context.new_id(), Context::by(&clock).new_id(), "ids are counted over all contexts of a clock");
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Debug, Clone)]
pub struct VirtualClock {
    now: Arc<Mutex<DateTime<Utc>>>,
    /// How many ids were given by contexts of the clock.
    ids: Arc<AtomicU64>,
}

impl Default for VirtualClock {
    /// Begins with 1970.
    fn default() -> Self {
        Self::at(DateTime::UNIX_EPOCH)
    }
}

impl VirtualClock {
    /// Makes a clock that shows this time.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { now: Arc::new(Mutex::new(now)), ids: Arc::default() }
    }

    /// Returns the time it shows.
    pub fn now(&self) -> DateTime<Utc> {
        *self.shown()
    }

    /// Lets so much time pass.
    ///
    /// # Panics
    ///
    /// When the time then is later than a date can tell, which is in some 260 000 years.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        let mut shown = self.shown();
        *shown = later(*shown, by);
    }

    pub(crate) fn ids(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.ids)
    }

    fn shown(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the time so much later.
#[track_caller]
pub(crate) fn later(time: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let later = TimeDelta::from_std(by).ok().and_then(|by| time.checked_add_signed(by));
    later.expect("a clock shows times that a date can tell")
}
