//! Many writers at once: all at the same moment, and staggered over one another's appends.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream::iter};
use tokio::sync::Barrier;

use crate::append::{Append, AppendError, Appended};
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, stream, versions_of, whole_stream, within};
use crate::conformance::harness::StoreHarness;
use crate::conformance::order::ensure_log_order;
use crate::store::EventStore;
use crate::version::{ExpectedVersion, Version};

const WRITERS: usize = 32;

/// How writers meet.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// All begin at one moment.
    Barriered,
    /// Some are always under way, and the next one begins when any of them is done, so that they meet at
    /// every step of an append.
    Staggered,
}

type Outcome = Result<Appended, AppendError>;

/// Sends every append from a task of its own, and returns the answers in the order of the appends.
async fn race<S: EventStore>(store: &S, appends: Vec<Append>, start: Start) -> CaseResult<Vec<Outcome>> {
    let (at_once, meeting) = match start {
        Start::Barriered => (appends.len(), appends.len()),
        Start::Staggered => (5, 1),
    };
    let barrier = Arc::new(Barrier::new(meeting));
    let writers = appends.into_iter().enumerate().map(|(n, append)| {
        let (store, barrier) = (store.clone(), barrier.clone());
        tokio::spawn(async move {
            barrier.wait().await;
            (n, store.append(append).await)
        })
    });
    let all = async { Ok(iter(writers).buffer_unordered(at_once).collect::<Vec<_>>().await) };
    let ended = within(all, &format!("{start:?} writers get their answers")).await?;
    let mut ended = ended.into_iter().collect::<Result<Vec<_>, _>>()?;
    ended.sort_by_key(|(n, _)| *n);
    Ok(ended.into_iter().map(|(_, outcome)| outcome).collect())
}

/// 8: appends at any version all succeed, however many writers there are; versions stay dense.
pub async fn appends_at_any_version_all_succeed<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for start in [Start::Barriered, Start::Staggered] {
        let name = format!("hot-{start:?}");
        let appends = (0..WRITERS).map(|n| append(&name, 1 + n % 3)).collect::<Vec<_>>();
        let sizes: usize = appends.iter().map(|append| append.events.len()).sum();

        let outcomes = race(&store, appends, start).await?;

        let mut taken = HashSet::new();
        for outcome in outcomes {
            let appended = outcome?;
            let versions = appended.from_version.get()..=appended.to_version.get();
            ensure!(versions.clone().all(|version| taken.insert(version)), "{versions:?} given out twice");
        }
        let stored = whole_stream(&store, &stream(&name)).await?;
        ensure_eq!(taken.len(), sizes, "versions given out ({start:?})");
        let dense: Vec<_> = (1..=i64::try_from(sizes)?).collect();
        ensure_eq!(versions_of(&stored), dense, "versions of the stream ({start:?})");
    }
    Ok(())
}

/// 9: of many writers that expect the same version exactly one wins, and every other one learns the version
/// that it left behind.
pub async fn of_many_writers_at_one_version_exactly_one_wins<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut version = Version::NONE;
    for start in [Start::Barriered, Start::Staggered, Start::Barriered, Start::Staggered] {
        let appends = (0..WRITERS).map(|_| append("hot-1", 2).expecting(version)).collect();

        let outcomes = race(&store, appends, start).await?;

        let told = format!("{start:?} writers at version {version}");
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        ensure_eq!(won.len(), 1, "{told}: winners");
        version = version.advance(2);
        for refused in lost {
            let actual = ensure_matches!(
                refused,
                Err(AppendError::WrongVersion { actual, .. }) => actual,
                "{told}: answer to a loser"
            );
            ensure_eq!(actual, version, "{told}: the version a loser learns");
        }
        let stored = whole_stream(&store, &stream("hot-1")).await?;
        ensure_eq!(stored.len(), usize::try_from(version.get())?, "{told}: events in the stream");
    }
    Ok(())
}

/// 10: when many writers create a stream at once, those that expect none have one winner, and those that
/// expect nothing all succeed.
pub async fn a_race_to_create_a_stream_ends_cleanly<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for (round, start) in [Start::Barriered, Start::Staggered].into_iter().cycle().take(6).enumerate() {
        let name = format!("race-{round}");
        let (any, none) = (ExpectedVersion::Any, ExpectedVersion::NoStream);
        let expected: Vec<_> = [any, none].into_iter().cycle().take(WRITERS).collect();
        let appends = expected.iter().map(|expected| append(&name, 1).expecting(*expected)).collect();

        let outcomes = race(&store, appends, start).await?;

        let mut stored = 0;
        let mut created = 0;
        for (outcome, expected) in outcomes.into_iter().zip(expected) {
            match outcome {
                Ok(appended) => {
                    let first = appended.from_version == Version::FIRST;
                    ensure!(first || expected == any, "{name}: no stream was expected, {appended:?} stored");
                    stored += 1;
                    created += i32::from(first);
                }
                Err(AppendError::WrongVersion { actual, .. }) if expected == none => {
                    ensure!(actual > Version::NONE, "{name} was refused for a version it does not have");
                }
                Err(other) => return Err(CaseFailure::from(other)),
            }
        }
        ensure_eq!(created, 1, "{name}: writers that were told to have the first version");
        let versions = versions_of(&whole_stream(&store, &stream(&name)).await?);
        let dense: Vec<_> = (1..=stored).collect();
        ensure_eq!(versions, dense, "{name}: versions");
    }
    Ok(())
}

/// 10: many writers that each create a stream of their own do not get into each other's way.
pub async fn streams_created_at_once_all_come_to_be<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let appends = (0..WRITERS).map(|n| append(&format!("own-{n}"), 2).expecting(Version::NONE)).collect();

    let outcomes = race(&store, appends, Start::Barriered).await?;

    let receipts = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let end = receipts.iter().map(|appended| appended.to_position).max().unwrap_or_default();
    let log = log_up_to(&store, end).await?;
    ensure_log_order(&log)?;
    ensure_eq!(log.len(), 2 * WRITERS, "events in the log");
    Ok(())
}

/// Fails unless one of the answers to one append, sent many times, says that it was stored, and all others
/// say that it had been.
fn ensure_stored_once(outcomes: Vec<Outcome>, told: &str) -> CaseResult {
    let receipts = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (repetitions, first): (Vec<_>, Vec<_>) =
        receipts.into_iter().partition(|appended| appended.already_applied);
    ensure_eq!(first.len(), 1, "{told}: appends that stored something");
    for repetition in repetitions {
        ensure_eq!(Appended { already_applied: false, ..repetition }, first[0], "{told}: receipt");
    }
    Ok(())
}

/// 13: of identical appends that are sent at once one is stored, and all get the same receipt.
pub async fn identical_appends_sent_at_once_are_stored_once<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for (round, start) in [Start::Barriered, Start::Staggered].into_iter().cycle().take(4).enumerate() {
        let by_ids = append(&format!("ids-{round}"), 3).expecting(Version::NONE);
        let by_key = append(&format!("keys-{round}"), 3).with_key(format!("key {round}").as_str());
        for repeated in [by_ids, by_key] {
            let outcomes = race(&store, vec![repeated.clone(); WRITERS], start).await?;

            let told = format!("{start:?} repetitions of {}", repeated.stream);
            ensure_stored_once(outcomes, &told)?;
            ensure_eq!(whole_stream(&store, &repeated.stream).await?.len(), 3, "{told}: events stored");
        }
    }
    Ok(())
}

/// 13: of appends under one key that are sent at once one is stored and all get its receipt, also where each
/// was decided anew (so has other event ids) and whatever they expect.
pub async fn appends_under_one_key_sent_at_once_are_stored_once<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let two = ExpectedVersion::Exact(Version::NONE.advance(2));
    for (n, expected) in [ExpectedVersion::Any, ExpectedVersion::NoStream, two, ExpectedVersion::StreamExists]
        .into_iter()
        .enumerate()
    {
        for start in [Start::Barriered, Start::Staggered] {
            let name = format!("thing-{n}{start:?}");
            let before = if expected.holds_at(Version::NONE) { 0 } else { 2 };
            store.append(append(&name, before)).await?;
            let decided_anew = |_| append(&name, 2).expecting(expected).with_key(name.as_str());

            let outcomes = race(&store, (0..WRITERS).map(decided_anew).collect(), start).await?;

            let told = format!("{start:?} appends under one key that expect {expected}");
            ensure_stored_once(outcomes, &told)?;
            let stored = whole_stream(&store, &stream(&name)).await?;
            ensure_eq!(stored.len(), before + 2, "{told}: events in the stream");
        }
    }
    Ok(())
}
