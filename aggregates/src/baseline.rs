//! What is known of an aggregate between two commands.

use std::time::Duration;

use annals_eventstore::Version;

use crate::loaded::Loaded;

/// A state that was committed once, and what it took to come by it.
#[derive(Debug, Clone)]
pub(crate) struct Baseline<A> {
    pub(crate) loaded: Loaded<A>,
    /// The version of the youngest snapshot known of; 0 where there is none.
    pub(crate) snapshot: Version,
    /// How long the replay behind it took.
    pub(crate) replay: Duration,
}

impl<A: Default> Default for Baseline<A> {
    fn default() -> Self {
        Self { loaded: Loaded::default(), snapshot: Version::NONE, replay: Duration::ZERO }
    }
}

impl<A> Baseline<A> {
    /// Returns how many events stand behind the youngest snapshot.
    pub(crate) fn events_since_snapshot(&self) -> u64 {
        let since = self.loaded.version.get().saturating_sub(self.snapshot.get());
        u64::try_from(since).unwrap_or(0)
    }
}
