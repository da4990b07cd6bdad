//! Compares what stands in the log, and what was answered, with the model.
//!
//! Finds
//! - versions that are not 1, 2, 3, …;
//! - a command that was carried out twice, or on another state than the one its events stand behind;
//! - an accepted answer whose events are not there, and an answer that shows a vault which never was;
//! - a refusal, or nothing to do, said on a state that was over when the command was sent;
//! - events of a command that nobody was told was carried out.

use std::collections::{BTreeMap, HashMap, HashSet};

use annals::aggregates::{Aggregate, Repository};
use annals::eventstore::{EventStore, PostgresStore, StreamQuery, Version};
use annals_devdb::TestFailure;

use super::model::{Entry, Fate, Sum};
use super::record::{Answer, Attempt, Place, View};
use super::vault::{Order, Short, Vault};

/// One vault as its stream tells it.
struct History {
    /// The vault at each version, from 0.
    sums: Vec<Sum>,
    /// Where the events of each command stand.
    places: HashMap<u64, Place>,
}

/// Returns everything that is wrong.
pub(super) async fn faults(store: &PostgresStore, attempts: &[Attempt]) -> Result<Vec<String>, TestFailure> {
    let mut by_vault: BTreeMap<u32, Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        by_vault.entry(attempt.vault).or_default().push(attempt);
    }
    let mut faults = Vec::new();
    for (vault, attempts) in by_vault {
        let mut told = Vec::new();
        let history = read(store, vault, &attempts, &mut told).await?;
        history.compare_final_state(store, vault, &mut told).await?;
        attempts.iter().for_each(|attempt| history.check_answer(attempt, &mut told));
        history.check_effects(&attempts, &mut told);
        faults.extend(told.into_iter().map(|fault| format!("vault {vault}: {fault}")));
    }
    Ok(faults)
}

/// Reads a stream from its beginning and carries out its commands again, one after another.
async fn read(
    store: &PostgresStore,
    vault: u32,
    attempts: &[&Attempt],
    faults: &mut Vec<String>,
) -> Result<History, TestFailure> {
    let entries = entries(store, vault, faults).await?;
    let orders: HashMap<u64, Order> =
        attempts.iter().map(|attempt| (attempt.order.number, attempt.order)).collect();
    let mut history = History { sums: vec![Sum::default()], places: HashMap::new() };
    let mut rest = &entries[..];
    while let [first, ..] = rest {
        let before = history.sums[history.sums.len() - 1];
        let fate = orders.get(&first.order).map(|order| before.fate(*order));
        let version = history.sums.len();
        let stored = rest.iter().take_while(|entry| entry.order == first.order).count();
        if fate != Some(Fate::Entries(rest[..stored].to_vec())) {
            let told = &rest[..stored];
            faults
                .push(format!("on {before:?} the log has {told:?} at version {version}, which is {fate:?}"));
        }
        let place = (version as i64, (version + stored - 1) as i64);
        if let Some(earlier) = history.places.insert(first.order, place) {
            faults.push(format!("command {} was carried out at {earlier:?} and {place:?}", first.order));
        }
        for entry in &rest[..stored] {
            let mut sum = history.sums[history.sums.len() - 1];
            sum.take_in(entry);
            history.sums.push(sum);
        }
        rest = &rest[stored..];
    }
    Ok(history)
}

async fn entries(
    store: &PostgresStore,
    vault: u32,
    faults: &mut Vec<String>,
) -> Result<Vec<Entry>, TestFailure> {
    let (stream, mut entries) = (Vault::stream_name(&vault)?, Vec::new());
    loop {
        let from = Version::NONE.advance(entries.len() as u64 + 1);
        let query = StreamQuery::forward().from(from).limit(1000);
        let page = match store.read_stream(&stream, query).await {
            Ok(page) => page,
            Err(annals::eventstore::ReadError::StreamNotFound(_)) => Vec::new(),
            Err(fault) => return Err(fault.into()),
        };
        if page.is_empty() {
            return Ok(entries);
        }
        for event in &page {
            entries.push(Entry::read(event)?);
            if event.version.get() != entries.len() as i64 {
                faults.push(format!("event {} of the stream has version {}", entries.len(), event.version));
            }
        }
    }
}

impl History {
    fn last(&self) -> View {
        View { version: self.sums.len() as i64 - 1, sum: self.sums[self.sums.len() - 1] }
    }

    /// The vault at a version, where there is such a version.
    fn at(&self, version: i64) -> Option<Sum> {
        usize::try_from(version).ok().and_then(|version| self.sums.get(version).copied())
    }

    /// Replays the stream from its beginning, and from its snapshot.
    async fn compare_final_state(
        &self,
        store: &PostgresStore,
        vault: u32,
        faults: &mut Vec<String>,
    ) -> Result<(), TestFailure> {
        let plain = Repository::<Vault, _>::new(store.clone());
        let from_snapshot = plain.clone().with_snapshots(annals::aggregates::SnapshotPolicy::never());
        for (how, vaults) in [("a full replay", plain), ("a replay from a snapshot", from_snapshot)] {
            let loaded = View::of(&vaults.load(&vault).await?);
            if loaded != self.last() {
                faults.push(format!("{how} ends with {loaded:?} in place of {:?}", self.last()));
            }
        }
        Ok(())
    }

    fn check_answer(&self, attempt: &Attempt, faults: &mut Vec<String>) {
        let Attempt { order, known, answer, .. } = attempt;
        let place = self.places.get(&order.number);
        let is_right = match answer {
            Answer::Applied(told, view) => {
                Some(told) == place && view.version == told.1 && Some(view.sum) == self.at(view.version)
            }
            Answer::AlreadyApplied(told) => Some(told) == place,
            Answer::NothingToDo(view) => {
                view.version >= known.version
                    && !known.is_accepted
                    && Some(view.sum) == self.at(view.version)
                    && view.sum.fate(*order) == Fate::Nothing
            }
            Answer::Refused(Short { coins, .. }) => {
                let refusal = Fate::Refused { coins: *coins };
                let mut since = (known.version..).map_while(|version| self.at(version));
                !known.is_accepted && since.any(|sum| sum.fate(*order) == refusal)
            }
            Answer::Conflict | Answer::Untouched | Answer::Unknown => true,
            Answer::Odd(why) => {
                faults.push(format!("{order:?} got an answer that nobody may get: {why}"));
                return;
            }
        };
        if !is_right {
            faults.push(format!(
                "{order:?}, sent at {known:?}, was answered {answer:?}; it stands at {place:?}"
            ));
        }
    }

    /// Looks for events of commands that nobody was told might have been carried out, and for commands that were
    /// carried out as often as they were sent.
    fn check_effects(&self, attempts: &[&Attempt], faults: &mut Vec<String>) {
        let told =
            |attempt: &&&Attempt| attempt.answer.is_accepted() || matches!(attempt.answer, Answer::Unknown);
        let expected: HashSet<u64> = attempts.iter().filter(told).map(|one| one.order.number).collect();
        let unexpected = self.places.iter().filter(|(number, _)| !expected.contains(number));
        faults.extend(unexpected.map(|(number, place)| {
            format!("command {number} was never carried out, by all its answers, and stands at {place:?}")
        }));
        let mut applied = HashSet::new();
        let first = attempts.iter().filter(|attempt| matches!(attempt.answer, Answer::Applied(..)));
        let twice = first.filter(|attempt| !applied.insert(attempt.order.number));
        faults.extend(twice.map(|attempt| format!("{:?} was carried out for two callers", attempt.order)));
    }
}
