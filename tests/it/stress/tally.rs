//! What happened how often, and what was promised to whom.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard};

use uuid::Uuid;

/// What writers know of their own events, and how often each trouble was made.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    times: BTreeMap<&'static str, u64>,
    acknowledged: HashSet<Uuid>,
    withdrawn: HashSet<Uuid>,
}

impl Tally {
    pub(super) fn count(&self, what: &'static str) {
        *self.entries().times.entry(what).or_default() += 1;
    }

    pub(super) fn times(&self, what: &'static str) -> u64 {
        self.entries().times.get(what).copied().unwrap_or_default()
    }

    /// The commit of these events was answered.
    pub(super) fn acknowledge(&self, events: impl IntoIterator<Item = Uuid>) {
        self.entries().acknowledged.extend(events);
    }

    /// These events were rolled back.
    pub(super) fn withdraw(&self, events: impl IntoIterator<Item = Uuid>) {
        self.entries().withdrawn.extend(events);
    }

    /// How many acknowledged events are not among those stored, and how many withdrawn ones are.
    pub(super) fn broken_promises(&self, stored: &HashSet<Uuid>) -> (usize, usize) {
        let entries = self.entries();
        let missing = entries.acknowledged.difference(stored).count();
        (missing, entries.withdrawn.intersection(stored).count())
    }

    /// Every count, one line each.
    pub(super) fn lines(&self) -> String {
        let entries = self.entries();
        entries.times.iter().map(|(what, times)| format!("  {times:>8}  {what}\n")).collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().expect("nobody panics while counting")
    }
}
