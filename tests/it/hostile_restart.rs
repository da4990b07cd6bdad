//! A server that restarts under appends: each answer says whether something was written, and after it appends and
//! subscriptions go on, with nothing lost and nothing doubled.
//!
//! ```text
//! running --SIGTERM--> no new sessions (57P03) --SIGINT--> sessions end (57P01) --start--> recovering (57P03) --> running
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ConnectError, ConnectFault, PoolOptions, StoreConfig, connect};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventId, EventStore, ExpectedVersion, GlobalPosition, LogQuery,
    NewEvent, PostgresStore, Subscription,
};
use tokio::task::JoinSet;

use crate::support::{OwnServer, until_waiting};

const RESTARTS: usize = 3;
const WRITERS: usize = 8;

/// Opens a store with so many connections.
async fn opened(server: &OwnServer, max_size: usize) -> Result<PostgresStore, TestFailure> {
    let pool = PoolOptions { max_size, wait_timeout: Some(Duration::from_secs(20)) };
    let config = StoreConfig::new(server.options()?);
    let poll_interval = Duration::from_millis(50);
    Ok(PostgresStore::open(StoreConfig { pool, notify: false, poll_interval, ..config }).await?)
}

/// Lets the server take no new session, while those that are open go on; returns once it says so.
async fn shut_the_door(server: &OwnServer) -> TestResult {
    let pid = server.server.pid().expect("it runs").to_string();
    let sent = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await?;
    assert!(sent.success(), "the server got no SIGTERM");
    loop {
        match connect(&server.options()?).await {
            Err(ConnectError { fault: ConnectFault::NotReady(_), .. }) => return Ok(()),
            Err(other) => return Err(other.into()),
            Ok(_) => tokio::task::yield_now().await,
        }
    }
}

fn noted() -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::new("noted", &1)?)
}

/// Every way to append that there is, each to a stream of its own; all go to existing streams or to none.
async fn append_in_way(
    store: &PostgresStore,
    way: usize,
    name: &str,
) -> Result<EventId, (EventId, AppendError)> {
    let event = noted().expect("a number is a payload");
    let id = event.id;
    let stream = name.parse().expect("it is a name");
    let append = Append::to(stream, [event]);
    let answer = match way {
        0 => store.append(append).await.map(drop),
        1 => store.append(append.with_key(name)).await.map(drop),
        2 => store.append(append.expecting(ExpectedVersion::NoStream)).await.map(drop),
        3 => store.append(Append { events: two(append.events), ..append }).await.map(drop),
        _ => {
            let many = AppendMany::new().append(append.stream, ExpectedVersion::Any, append.events);
            let many = if way == 4 { many } else { many.with_key(name) };
            store.append_many(many).await.map(drop)
        }
    };
    answer.map(|()| id).map_err(|error| (id, error))
}
const WAYS: usize = 6;

/// The event, and one more.
fn two(mut events: Vec<NewEvent>) -> Vec<NewEvent> {
    events.extend(noted());
    events
}

/// The SQLSTATE that stands somewhere behind an error.
fn sqlstate(error: &AppendError) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        let driver = cause.downcast_ref::<tokio_postgres::Error>();
        let fault = cause.downcast_ref::<ConnectError>().map(|error| &error.fault);
        let driver = driver.or(match fault {
            Some(ConnectFault::NotReady(error)) => Some(error),
            _ => None,
        });
        // A pool hands out a failure to connect as the driver's error.
        if let Some(ConnectFault::NotReady(error)) = driver.and_then(ConnectError::behind).map(|e| &e.fault) {
            return error.code().map(|code| code.code().to_owned());
        }
        if let Some(code) = driver.and_then(tokio_postgres::Error::code) {
            return Some(code.code().to_owned());
        }
        next = cause.source();
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_a_shutdown_ends_or_does_not_let_in_say_so_and_have_written_nothing() -> TestResult {
    let mut ground = OwnServer::start("shutdown").await?;
    let (store, unconnected) = (opened(&ground, WAYS).await?, opened(&ground, 1).await?);
    unconnected.pool().retain(|_, _| false);
    let observer = ground.client().await?;
    // Whoever appends waits: nobody may touch a stream.
    let holder = ground.client().await?;
    holder.batch_execute("begin; lock table annals.streams in share mode").await?;
    let mut waiting = JoinSet::new();
    for way in 0..WAYS {
        let store = store.clone();
        waiting.spawn(async move { append_in_way(&store, way, &format!("waiting-{way}")).await });
    }
    until_waiting(&observer, WAYS.try_into()?).await?;

    shut_the_door(&ground).await?;
    let mut not_let_in = Vec::new();
    for way in 0..WAYS {
        not_let_in.push(append_in_way(&unconnected, way, &format!("outside-{way}")).await);
    }
    ground.server.stop().await?;
    let ended = waiting.join_all().await;
    ground.server.start().await?;

    for (answers, state) in [(not_let_in, "57P03"), (ended, "57P01")] {
        println!("restart: {} appends answered {state}", answers.len());
        assert_eq!(answers.len(), WAYS);
        for answer in answers {
            let (_, refused) = answer.expect_err("the server went away");
            assert!(matches!(refused, AppendError::Unavailable(_)), "{state}: {refused:?}");
            assert_eq!(sqlstate(&refused).as_deref(), Some(state), "{refused:?}");
        }
    }
    // The same stores, whose connections are gone.
    assert_eq!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 0);
    for way in 0..WAYS {
        append_in_way(&store, way, &format!("waiting-{way}")).await.map_err(|(_, error)| error)?;
        append_in_way(&unconnected, way, &format!("outside-{way}")).await.map_err(|(_, error)| error)?;
    }
    Ok(())
}

/// What a writer learned about its appends.
#[derive(Debug, Default)]
struct Learned {
    acknowledged: Vec<EventId>,
    refused: Vec<EventId>,
    unknown: Vec<EventId>,
    states: BTreeSet<String>,
}

/// Appends until it is stopped, in every way.
async fn write(store: PostgresStore, writer: usize, stop: Arc<AtomicBool>) -> Result<Learned, TestFailure> {
    let mut learned = Learned::default();
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        match append_in_way(&store, round % WAYS, &format!("writer-{writer}-{round}")).await {
            Ok(id) => learned.acknowledged.push(id),
            Err((id, error @ AppendError::Unavailable(_))) => {
                learned.refused.push(id);
                learned.states.extend(sqlstate(&error));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err((id, AppendError::OutcomeUnknown(..))) => learned.unknown.push(id),
            Err((_, other)) => return Err(other.into()),
        }
    }
    Ok(learned)
}

/// Follows the log from its beginning over all restarts, until it has come to the end.
async fn follow(
    store: PostgresStore,
    end: Arc<std::sync::OnceLock<GlobalPosition>>,
) -> Result<Vec<(GlobalPosition, EventId)>, TestFailure> {
    let mut subscription = Subscription::after(store, GlobalPosition::START);
    let mut seen = Vec::new();
    while end.get().is_none_or(|end| subscription.position() < *end) {
        match tokio::time::timeout(Duration::from_millis(100), subscription.next()).await {
            Err(_nothing_new) => {}
            Ok(Err(error)) if error.is_transient() => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(page) => seen.extend(page?.log.events.iter().map(|event| (event.position, event.id))),
        }
    }
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_restarts_appends_and_subscriptions_go_on_and_nothing_is_lost_or_doubled() -> TestResult {
    let mut ground = OwnServer::start("restarts").await?;
    let store = opened(&ground, WRITERS).await?;
    let end = Arc::default();
    let following = tokio::spawn(follow(opened(&ground, 1).await?, Arc::clone(&end)));
    let stop = Arc::<AtomicBool>::default();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write(store.clone(), writer, stop.clone()));
    }

    for restart in 0..RESTARTS {
        until_more_events(&store, 200).await?;
        if restart == 0 {
            shut_the_door(&ground).await?;
        }
        ground.server.stop().await?;
        ground.server.start().await?;
    }
    until_more_events(&store, 200).await?;
    stop.store(true, Ordering::SeqCst);
    let mut all = Learned::default();
    for learned in writers.join_all().await {
        let learned = learned?;
        all.acknowledged.extend(learned.acknowledged);
        all.refused.extend(learned.refused);
        all.unknown.extend(learned.unknown);
        all.states.extend(learned.states);
    }
    let stored = stored(&store).await?;
    end.set(stored.last().expect("there are events").0).expect("it is set once");
    let seen = tokio::time::timeout(Duration::from_secs(60), following).await???;

    let mut times = HashMap::<EventId, usize>::new();
    for (_, id) in &stored {
        *times.entry(*id).or_default() += 1;
    }
    let known: HashSet<EventId> = all.unknown.iter().copied().filter(|id| times.contains_key(id)).collect();
    println!(
        "restart: {RESTARTS} restarts, {} appends acknowledged, {} refused with {:?}, {} unknown of which {} had \
         committed; {} events followed",
        all.acknowledged.len(),
        all.refused.len(),
        all.states,
        all.unknown.len(),
        known.len(),
        seen.len(),
    );
    assert!(times.values().all(|times| *times == 1), "an event was stored twice");
    assert!(all.acknowledged.iter().all(|id| times.contains_key(id)), "an acknowledged event is lost");
    assert!(!all.refused.iter().any(|id| times.contains_key(id)), "a refused event was written");
    assert!(all.states.contains("57P01") || all.states.contains("57P03"), "no restart was noticed");
    assert!(seen == stored, "the subscription saw another log: {} of {}", seen.len(), stored.len());
    Ok(())
}

/// Waits until so many more events are in the log than now.
async fn until_more_events(store: &PostgresStore, more: i64) -> TestResult {
    let head = async || -> Result<i64, TestFailure> {
        loop {
            match store.read_log(LogQuery::after(GlobalPosition::START).limit(1)).await {
                Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(5)).await,
                page => return Ok(page?.head.into()),
            }
        }
    };
    let from = head().await?;
    while head().await? < from + more {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// The whole log: positions and ids in their order.
async fn stored(store: &PostgresStore) -> Result<Vec<(GlobalPosition, EventId)>, TestFailure> {
    let (mut stored, mut after) = (Vec::new(), GlobalPosition::START);
    loop {
        let page = store.read_log(LogQuery::after(after).limit(10_000)).await?;
        if page.events.is_empty() {
            return Ok(stored);
        }
        stored.extend(page.events.iter().map(|event| (event.position, event.id)));
        after = page.settled_to;
    }
}
