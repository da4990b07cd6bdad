//! What a scrub of a long stream costs, and that appends go on meanwhile: `just scrub`.
//!
//! How fast anything is fails nothing. That batches are bounded, that appends are stored while a scrub runs, and that
//! exactly what was deleted is gone, does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{Append, Deletion, EventStore, NewEvent, PostgresStore, Scrub, StreamRetention};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::support::TestDb;

/// The events of the stream that is scrubbed: `ANNALS_SCRUB_EVENTS`, else a few.
const EVENTS: &str = "ANNALS_SCRUB_EVENTS";
const FEW: i64 = 20_000;

/// The stream that goes, in appends of a thousand events under a key each; and for each of them ten streams that stay, of
/// one event under a key.
const FILL: [&str; 2] = [
    "select annals.append('gone-1', -2, (select json_agg(json_build_object(
         'type', 'noted', 'data', json_build_object('owner', 'somebody', 'cents', n * m)))
         from generate_series(1, 1000) as m), 'gone ' || n)
     from generate_series(1, $1::bigint / 1000) as n",
    "select annals.append('kept-' || n, 0, '[{\"type\": \"noted\", \"data\": 1}]', 'kept ' || n)
     from generate_series(1, $1::bigint / 100) as n",
];

/// Appends one event after the other until it is told to stop; returns how long each took.
fn appending(
    store: PostgresStore,
    stream: &'static str,
) -> (JoinHandle<Result<Vec<Duration>, TestFailure>>, Arc<AtomicBool>) {
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let task = tokio::spawn(async move {
        let mut took = Vec::new();
        while !stopped.load(Ordering::SeqCst) {
            let began = Instant::now();
            store.append(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?])).await?;
            took.push(began.elapsed());
        }
        took.sort();
        Ok(took)
    });
    (task, stop)
}

/// How many there were, the middle one, one in a hundred, and the longest.
fn told(took: &[Duration]) -> String {
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    format!("{} appends, p50 {:.1?}, p99 {:.1?}, longest {:.1?}", took.len(), at(50), at(99), at(100))
}

async fn count(client: &Client, sql: &str) -> Result<i64, tokio_postgres::Error> {
    Ok(client.query_one(sql, &[]).await?.get(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_long_stream_is_scrubbed_in_batches_appends_go_on() -> TestResult {
    let events: i64 = std::env::var(EVENTS).map_or(Ok(FEW), |events| events.parse())?;
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    for fill in FILL {
        client.execute(fill, &[&events]).await?;
    }
    client.batch_execute("vacuum analyze").await?;
    store.delete_stream(Deletion::of("gone-1".parse()?)).await?;
    let bytes = count(&client, "select pg_total_relation_size('annals.events')").await?;

    let (task, stop) = appending(store.clone(), "before-1");
    tokio::time::sleep(Duration::from_secs(if events > FEW { 10 } else { 1 })).await;
    stop.store(true, Ordering::SeqCst);
    let before = task.await??;
    let (task, stop) = appending(store.clone(), "meanwhile-1");
    let scrub = Scrub::of("gone-1".parse()?).because("measured");
    let scrub = if events > FEW { scrub } else { scrub.in_batches_of(1_000) };
    let (mut batches, mut longest, mut first, mut removed, mut keys) = (0, Duration::ZERO, None, 0, 0);
    let began = Instant::now();
    loop {
        let batch_began = Instant::now();
        let batch = store.scrub_batch(&scrub).await?;
        let took = batch_began.elapsed();
        first.get_or_insert(took);
        (batches, longest) = (batches + 1, longest.max(took));
        (removed, keys) = (removed + batch.events_removed, keys + batch.keys_removed);
        assert!(batch.events_removed + batch.keys_removed <= scrub.batch_events as u64, "{batch:?}");
        if batch.is_done {
            break;
        }
    }
    let took = began.elapsed();
    stop.store(true, Ordering::SeqCst);
    let meanwhile = task.await??;

    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "scrub: {removed} events and {keys} keys in {took:.1?}, {batches} batches of {} at most, the first {:.1?}, the \
         longest {longest:.1?}: no lock lasts longer; load {}",
        scrub.batch_events,
        first.unwrap_or_default(),
        load.trim()
    );
    println!("scrub: before: {}", told(&before));
    println!("scrub: meanwhile: {}", told(&meanwhile));
    client.batch_execute("vacuum annals.events").await?;
    let after = count(&client, "select pg_total_relation_size('annals.events')").await?;
    println!("scrub: {} MiB of events before, {} MiB after a vacuum", bytes >> 20, after >> 20);
    assert_eq!((i64::try_from(removed)?, i64::try_from(keys)?), (events, events / 1_000));
    assert!(batches >= 2 && meanwhile.len() >= batches, "{} appends in {batches} batches", meanwhile.len());
    let left = count(&client, "select count(*) from annals.events").await?;
    assert_eq!(left, events / 100 + i64::try_from(before.len() + meanwhile.len())?);
    assert_eq!(count(&client, "select count(*) from annals.scrubbed").await?, events);
    Ok(())
}
