//! What is known of an aggregate between two commands.

use std::time::Duration;

use annals_eventstore::Version;

use crate::loaded::Loaded;

/// A state that was committed once, and what it took to come by it: what a cache keeps.
#[derive(Debug, Clone)]
pub struct Baseline<A> {
    pub(crate) loaded: Loaded<A>,
    /// The version of the youngest snapshot known of; 0 where there is none.
    pub(crate) snapshot: Version,
    /// How long the replay behind it took.
    pub(crate) replay: Duration,
}

impl<A: Default> Default for Baseline<A> {
    fn default() -> Self {
        Self::new(Loaded::default())
    }
}

impl<A> Baseline<A> {
    /// Makes one of a state that is committed.
    pub fn new(loaded: Loaded<A>) -> Self {
        Self { loaded, snapshot: Version::NONE, replay: Duration::ZERO }
    }

    /// Returns the state, and the version that it is the state of.
    pub fn loaded(&self) -> &Loaded<A> {
        &self.loaded
    }

    /// Returns how many events stand behind the youngest snapshot.
    pub(crate) fn events_since_snapshot(&self) -> u64 {
        let since = self.loaded.version.get().saturating_sub(self.snapshot.get());
        u64::try_from(since).unwrap_or(0)
    }
}
