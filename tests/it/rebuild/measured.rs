//! A rebuild of many events while appends go on and readers poll: nobody fails, nobody reads less, all is there in the end.
//!
//! 50 000 events in the suite; `just rebuild` takes a million.

use std::collections::HashSet;
use std::env;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{Append, EventStore, ExpectedVersion, GlobalPosition, NewEvent, PostgresStore};
use annals_projections::{RebuildState, RunningRunner};
use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, Totals, started};
use super::reader::Reader;

const EVENTS: &str = "ANNALS_REBUILD_EVENTS";

/// How many events an append brings before the rebuild.
const BATCH: usize = 1000;
const STREAMS: usize = 500;
/// How many appends are under way at once, before the rebuild.
const FILLERS: usize = 5;
/// And beside it: each waits for its receipt.
const WRITERS: usize = 20;
/// All writers together append so often in a second.
const APPENDS: u64 = 500;
const READERS: usize = 8;

async fn fill(store: &PostgresStore, events: usize) -> Result<GlobalPosition, TestFailure> {
    let numbers: Vec<usize> = (0..events.div_ceil(BATCH)).collect();
    let mut last = GlobalPosition::START;
    for some in numbers.chunks(FILLERS) {
        let appends = some.iter().map(|n| async move {
            let events =
                (0..BATCH).map(|nth| NewEvent::new("counted", &nth)).collect::<Result<Vec<_>, _>>()?;
            let append = Append::to(format!("account-{}", n % STREAMS).parse()?, events);
            Ok::<_, TestFailure>(store.append(append.expecting(ExpectedVersion::Any)).await?.to_position)
        });
        last = try_join_all(appends).await?.into_iter().max().unwrap_or(last).max(last);
    }
    Ok(last)
}

/// Appends at an even pace until it is told to stop; returns how many it appended.
fn appending(
    store: PostgresStore,
    writer: usize,
    done: CancellationToken,
) -> JoinHandle<Result<u64, TestFailure>> {
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(1) * u32::try_from(WRITERS)? / u32::try_from(APPENDS)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut appended = 0;
        while done.run_until_cancelled(ticks.tick()).await.is_some() {
            let stream =
                format!("account-{}", (writer + WRITERS * appended as usize) % (2 * STREAMS)).parse()?;
            let append =
                Append::to(stream, [NewEvent::new("counted", &appended)?]).expecting(ExpectedVersion::Any);
            store.append(append).await?;
            appended += 1;
        }
        Ok(appended)
    })
}

async fn caught_up(ground: &Ground, end: GlobalPosition, limit: Duration) -> Result<Duration, TestFailure> {
    let begun = Instant::now();
    let sql = "select coalesce(min(position), 0) from annals.checkpoints where consumer = 'totals' having count(*) = 4";
    loop {
        let row = ground.client.query_opt(sql, &[]).await?;
        if row.is_some_and(|row| row.get::<_, i64>(0) >= i64::from(end)) {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > limit {
            return Err("the projection does not catch up".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Compares the read model with a fold of the log by another way; returns how many events there are.
async fn is_a_fold(ground: &Ground, weight: i64) -> Result<i64, TestFailure> {
    let differences = "
        with fold as (select s.stream_name as stream, count(*) as events, count(*) * $1 as weight
                      from annals.events as e join annals.streams as s using (stream_id) group by 1),
             model as (select stream collate \"C\" as stream, events, weight from reading.totals)
        select (select count(*) from (select * from fold except select * from model) as d)
             + (select count(*) from (select * from model except select * from fold) as d)
             + abs((select count(*) from annals.events) - (select count(*) from reading.noted))
             + abs((select count(*) from annals.events) - (select count(distinct position) from reading.noted)),
               (select count(*) from annals.events)";
    let row = ground.client.query_one(differences, &[&weight]).await?;
    assert_eq!(row.get::<_, i64>(0), 0, "rows that differ from the fold");
    Ok(row.get(1))
}

async fn hosted(
    ground: &Ground,
    weight: i64,
    effects: &Arc<Mutex<HashSet<i64>>>,
) -> Result<[RunningRunner; 2], TestFailure> {
    let totals = Totals { weight, effects: Some(Arc::clone(effects)), ..Totals::default() };
    Ok([started(&ground.store, totals.clone()).await?, started(&ground.store, totals).await?])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_are_rebuilt_while_appends_go_on_and_readers_poll_by_prepared_statements() -> TestResult {
    let events: usize = env::var(EVENTS).ok().map_or(Ok(50_000), |events| events.parse())?;
    let limit = Duration::from_secs(120) + Duration::from_millis(events as u64);
    let ground = Ground::fresh().await?;
    let (end, effects) = (fill(&ground.store, events).await?, Arc::default());
    ground.client.batch_execute("analyze annals.events; analyze annals.streams").await?;
    let runners = hosted(&ground, 1, &effects).await?;
    let plain = caught_up(&ground, end, limit).await?;
    for runner in runners {
        runner.stop().await;
    }
    let runners = hosted(&ground, 2, &effects).await?;
    let mut readers = Vec::new();
    for n in 0..READERS {
        let (client, counts) =
            (ground.db.connect().await?, "select count(*), max(position) from reading.noted");
        readers.push(match n {
            0 => Reader::of(client, counts, Duration::from_millis(500)),
            _ => Reader::begin(client),
        });
    }
    let (done, begun) = (CancellationToken::new(), Instant::now());
    let writers: Vec<_> = (0..WRITERS).map(|n| appending(ground.store.clone(), n, done.clone())).collect();

    ground.ask().await?;
    let progress = loop {
        let progress = ground.progress().await?;
        if progress.state.is_over() {
            break progress;
        }
        assert!(begun.elapsed() < limit, "{progress:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let took = begun.elapsed();
    done.cancel();
    let mut appended = 0;
    for writer in writers {
        appended += writer.await??;
    }
    ground.reached(ground.append(1).await?).await?;
    for runner in runners {
        runner.stop().await;
    }

    let (mut reads, mut fewer) = (0, Vec::new());
    for reader in readers {
        let read = reader.end().await?;
        assert!(read.reads > 0);
        reads += read.reads;
        fewer.extend(read.fewer);
    }
    let all = is_a_fold(&ground, 2).await?;
    let rate = |duration: Duration| events as f64 / duration.as_secs_f64();
    println!(
        "{events} events: caught up within {plain:?} ({:.0}/s); rebuilt within {:?} ({:.0}/s) beside {appended} appends \
         ({:.0}/s) and {reads} reads of {READERS} readers; batches were frozen for {:?}; {all} events in all, {} reads saw less",
        rate(plain),
        progress.took,
        rate(progress.took),
        appended as f64 / took.as_secs_f64(),
        progress.frozen,
        fewer.len(),
    );
    assert_eq!(progress.state, RebuildState::Done, "{progress:?}");
    assert!(appended > 0 && reads > 0 && all > i64::try_from(events)?);
    assert_eq!(fewer, [], "a reader saw less than before");
    let done = effects.lock().expect("nobody panics").len();
    assert_eq!(
        i64::try_from(done)?,
        all,
        "what each event does beyond the tables is done, also around the swap"
    );
    Ok(())
}
