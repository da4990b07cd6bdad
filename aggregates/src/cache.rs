//! A cache of states: a baseline for the next command, never the truth.
//!
//! Guarantees
//! - only states that are committed are kept, and of two the younger one;
//! - a stale state costs an attempt and never an answer: the append checks the version, and a refusal or an empty
//!   decision is given only after what is new was read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::{EventStore, StreamName};
use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::aggregate::Aggregate;
use crate::baseline::Baseline;
use crate::repository::{Repository, States};

/// How many states a cache keeps, unless told otherwise.
pub const CACHE_STATES_DEFAULT: u64 = 10_000;

/// What a cache keeps.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::CacheOptions;
/// let small = CacheOptions { states_max: 100, ..CacheOptions::default() };
/// # let _ = small;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// The most states kept; [`CACHE_STATES_DEFAULT`] by default. Each costs what the state itself takes and some
    /// 200 bytes. Those used often stay longest.
    pub states_max: u64,
    /// How long a state is kept that nobody asks for; for ever by default.
    pub idle_max: Option<Duration>,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { states_max: CACHE_STATES_DEFAULT, idle_max: None }
    }
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// Keeps the states of recent commands in memory, for all clones of this repository: an accepted command on
    /// one of them costs one round trip, the append.
    ///
    /// Every command clones the state it is decided on.
    #[must_use]
    pub fn with_cache(self, options: CacheOptions) -> Self {
        let states = Cache::builder().max_capacity(options.states_max);
        let states = match options.idle_max {
            Some(idle_max) => states.time_to_idle(idle_max),
            None => states,
        };
        self.with_states(Arc::new(StateCache { states: states.build() }))
    }
}

struct StateCache<A> {
    states: Cache<StreamName, Arc<Baseline<A>>>,
}

impl<A: Aggregate> States<A> for StateCache<A> {
    fn get(&self, stream: &StreamName) -> Option<Baseline<A>> {
        self.states.get(stream).map(|kept| Baseline::clone(&kept))
    }

    fn put(&self, stream: &StreamName, baseline: Baseline<A>) {
        let baseline = Arc::new(baseline);
        self.states.entry_by_ref(stream).and_compute_with(|kept| match kept {
            Some(kept) if kept.value().loaded.version > baseline.loaded.version => Op::Nop,
            _ => Op::Put(baseline),
        });
    }

    fn forget(&self, stream: &StreamName) {
        self.states.invalidate(stream);
    }
}

impl<A> fmt::Debug for StateCache<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateCache").field("states", &self.states.entry_count()).finish()
    }
}
