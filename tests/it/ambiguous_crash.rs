//! Backends that are killed while appends are under way: nothing acknowledged is lost, nothing is stored twice,
//! and a client that can be told the outcome is told.
//!
//! SIGKILL of one backend makes the server restart all of them, with commits on the disk whose answers nobody
//! got. (`pg_terminate_backend` ends sessions between commits only.)

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventId, EventStore, ExpectedVersion, GlobalPosition, LogQuery,
    NewEvent, PostgresStore,
};
use tokio::task::JoinSet;

use crate::support::DoomedServer;

/// At least so many kills, and more until both kinds of unknown outcomes were seen.
const KILLS_MIN: usize = 12;
const KILLS_MAX: usize = 150;
const WRITERS: usize = 16;

/// What a writer learned about its appends.
#[derive(Debug, Default)]
struct Learned {
    /// Events that were acknowledged.
    acknowledged: Vec<EventId>,
    /// Of those, events that were there already when the library asked again: their own first sending had
    /// committed without an answer.
    resolved: usize,
    /// Events whose outcome is unknown: nearly all of appends that cannot be recognised.
    unknown: Vec<EventId>,
}

/// Appends until it is stopped, every other time in a way that can be recognised.
async fn write(store: PostgresStore, writer: usize, stop: Arc<AtomicBool>) -> Result<Learned, TestFailure> {
    let mut learned = Learned::default();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let event = NewEvent::new("counted", &round)?;
        let id = event.id;
        let stream = format!("writer-{writer}-{}", round / 50);
        let append = Append::to(stream.parse()?, [event.clone()]);
        let answer = match round % 6 {
            0 => store.append(append.with_key(format!("{writer} {round}").as_str())).await,
            2 => {
                let own = Append { stream: format!("own-{writer}-{round}").parse()?, ..append };
                store.append(own.expecting(ExpectedVersion::NoStream)).await
            }
            4 => {
                let many = AppendMany::new()
                    .append("hot-1".parse()?, ExpectedVersion::Any, [NewEvent::new("hot", &round)?])
                    .append(append.stream.clone(), ExpectedVersion::Any, append.events)
                    .with_key(format!("{writer} {round}").as_str());
                let of_stream = append.stream;
                store.append_many(many).await.map(|all| all.of(&of_stream).expect("it was given events"))
            }
            _ => store.append(append).await,
        };
        match answer {
            Ok(appended) => {
                learned.acknowledged.push(id);
                learned.resolved += usize::from(appended.already_applied);
            }
            Err(AppendError::OutcomeUnknown(..)) => learned.unknown.push(id),
            // Nothing was sent: the server restarts.
            Err(AppendError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(learned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_survives_killed_backends_once_and_none_comes_twice() -> TestResult {
    let doomed = DoomedServer::start("crash").await?;
    let store = doomed.store().await?;
    let (mut kills, mut committed, mut unknown) = (0, 0, 0);
    let (mut acknowledged, mut resolved) = (HashSet::new(), 0);
    let mut in_doubt = Vec::new();

    while kills < KILLS_MIN || (committed == 0 || resolved == 0 || committed == unknown) && kills < KILLS_MAX
    {
        let stop = Arc::<AtomicBool>::default();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write(store.clone(), kills * WRITERS + writer, stop.clone()));
        }
        for _ in 0..3 {
            doomed.kill_one().await?;
            kills += 1;
        }
        stop.store(true, Ordering::SeqCst);
        for learned in writers.join_all().await {
            let learned = learned?;
            acknowledged.extend(learned.acknowledged);
            resolved += learned.resolved;
            in_doubt.extend(learned.unknown);
        }

        let stored = times_stored(&store).await?;
        let twice = stored.iter().filter(|(_, times)| **times > 1).count();
        assert_eq!(twice, 0, "events stored more than once");
        let lost = acknowledged.iter().filter(|id| !stored.contains_key(id)).count();
        assert_eq!(lost, 0, "acknowledged events that are not there");
        unknown = in_doubt.len();
        committed = in_doubt.iter().filter(|id| stored.contains_key(id)).count();
    }

    println!(
        "ambiguous: {kills} kills, {} events acknowledged, none lost, none twice; {resolved} acknowledged after \
         asking again, their first sending had committed; of {unknown} unknown outcomes {committed} had committed",
        acknowledged.len()
    );
    assert!(resolved > 0, "no ambiguous append that can be recognised had committed");
    assert!(committed > 0 && unknown > committed, "{committed} of {unknown} unknown outcomes had committed");
    store.close().await;
    Ok(())
}

/// How often each event stands in the log, which must count its streams without gaps.
async fn times_stored(store: &PostgresStore) -> Result<HashMap<EventId, usize>, TestFailure> {
    let (mut times, mut versions, mut after) = (HashMap::new(), HashMap::new(), GlobalPosition::START);
    loop {
        let page = store.read_log(LogQuery::after(after).limit(10_000)).await?;
        for event in &page.events {
            *times.entry(event.id).or_default() += 1;
            let version: &mut i64 = versions.entry(event.stream.clone()).or_default();
            *version += 1;
            assert_eq!(event.version.get(), *version, "{}: versions without a gap", event.stream);
        }
        if page.events.is_empty() {
            return Ok(times);
        }
        after = page.settled_to;
    }
}
