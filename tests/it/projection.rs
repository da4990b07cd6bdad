//! A projection applies every event exactly once: its rows and its checkpoint are one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{CheckpointError, Consumer, Leases, SlotError};
use annals_eventstore::{
    Append, Batch, EventFilter, EventStore, EventType, GlobalPosition, HandlerError, NewEvent, PostgresStore,
    StartAt,
};
use annals_projections::{Projection, RunningProjection, StartError, Stopped, WaitError, start};
use tokio_postgres::Client;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(20);

/// Writes one row an event, by plain INSERT: an event that came twice would fail on the primary key.
struct Audit {
    fault: Fault,
    applied: Arc<AtomicUsize>,
}

/// What goes wrong in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The handler fails after it wrote.
    FailsAfterWriting,
    /// The first batch loses its connection after it wrote.
    LosesConnectionOnce,
    /// The handler passes a failed statement over.
    HidesAFailedStatement,
    Panics,
}

impl Audit {
    fn with(fault: Fault) -> Self {
        Self { fault, applied: Arc::default() }
    }
}

impl Projection for Audit {
    const NAME: &'static str = "audit";
    const TABLES: &'static str =
        "create table if not exists audit (position bigint primary key, event_type text)";

    fn wants(event_type: &EventType) -> bool {
        event_type.as_str() != "noise"
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            let sql = "insert into audit values ($1, $2)";
            batch.transaction.execute(sql, &[&i64::from(event.position), &event.event_type.as_str()]).await?;
        }
        let nth = self.applied.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::None => {}
            Fault::FailsAfterWriting => return Err("the handler does not like it".into()),
            Fault::LosesConnectionOnce if nth == 0 => {
                let cut = "select pg_terminate_backend(pg_backend_pid())";
                batch.transaction.execute(cut, &[]).await?;
            }
            Fault::LosesConnectionOnce => {}
            Fault::HidesAFailedStatement => {
                let _ = batch.transaction.execute("select 1 / 0", &[]).await;
            }
            Fault::Panics => panic!("the handler panics"),
        }
        Ok(())
    }
}

async fn append(store: &PostgresStore, types: &[&str]) -> Result<GlobalPosition, TestFailure> {
    let events: Vec<_> = types.iter().map(|name| NewEvent::new(name, &())).collect::<Result<_, _>>()?;
    Ok(store.append(Append::to("account-1".parse()?, events)).await?.to_position)
}

async fn audited(client: &Client) -> Result<i64, TestFailure> {
    Ok(client.query_one("select count(*) from audit", &[]).await?.get(0))
}

/// Starts the projection, lets it stop by itself, and returns why.
async fn reason_to_stop(store: &PostgresStore, fault: Fault) -> Result<Stopped, TestFailure> {
    let mut running = start(store, Audit::with(fault)).await?;
    Ok(tokio::time::timeout(SOON, running.stopped()).await?.expect_err("it stops by itself"))
}

async fn checkpoint(client: &Client) -> Result<i64, TestFailure> {
    let sql = "select position from annals.checkpoints where consumer = 'audit'";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn rows_and_checkpoint_come_together_and_the_next_run_goes_on() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);

    for run in 1..=3 {
        let running = start(&store, Audit::with(Fault::None)).await?;
        let position = append(&store, &["a", "b"]).await?;
        running.wait_for(position, SOON).await?;
        let stopped_at = running.stop().await?;

        assert_eq!(audited(&client).await?, run * 2);
        assert_eq!(stopped_at.position, position);
        assert_eq!(checkpoint(&client).await?, i64::from(position));
    }
    Ok(())
}

#[tokio::test]
async fn events_nobody_wants_move_the_checkpoint_and_nothing_else() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let running = start(&store, Audit::with(Fault::None)).await?;

    let position = append(&store, &["noise", "noise"]).await?;
    running.wait_for(position, SOON).await?;

    assert_eq!(audited(&client).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_fails_leaves_no_trace_and_stops_the_projection_with_the_reason() -> TestResult {
    for fault in [Fault::FailsAfterWriting, Fault::HidesAFailedStatement, Fault::Panics] {
        let db = TestDb::fresh().await?;
        let (store, client) = (db.store(), db.connect().await?);
        append(&store, &["a"]).await?;

        let stopped = reason_to_stop(&store, fault).await?;

        match (fault, &stopped) {
            (Fault::FailsAfterWriting, Stopped::Failed { source: SlotError::Handler { source, .. }, .. }) => {
                assert_eq!(source.to_string(), "the handler does not like it");
            }
            (Fault::HidesAFailedStatement, Stopped::Failed { source: SlotError::Checkpoint(_), .. })
            | (Fault::Panics, Stopped::Panicked { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!((audited(&client).await?, checkpoint(&client).await?), (0, 0), "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_that_lost_its_connection_comes_again_and_counts_once() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let audit = Audit::with(Fault::LosesConnectionOnce);
    let applied = Arc::clone(&audit.applied);
    let position = append(&store, &["a", "b", "c"]).await?;

    let running = start(&store, audit).await?;
    running.wait_for(position, SOON).await?;

    assert_eq!(audited(&client).await?, 3);
    assert_eq!(applied.load(Ordering::Relaxed), 2, "the batch was applied twice and committed once");
    Ok(())
}

#[tokio::test]
async fn whoever_starts_later_takes_over_and_the_earlier_one_changes_nothing_more() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let mut earlier = start(&store, Audit::with(Fault::None)).await?;
    let later = start(&store, Audit::with(Fault::None)).await?;

    let position = append(&store, &["a", "b"]).await?;
    later.wait_for(position, SOON).await?;
    let overtaken = tokio::time::timeout(SOON, earlier.stopped()).await?.expect_err("it was overtaken");

    let Stopped::Failed { source: SlotError::Checkpoint(error), .. } = overtaken else {
        panic!("{overtaken}")
    };
    assert!(matches!(error, CheckpointError::TakenOver { .. }), "{error}");
    assert_eq!(audited(&client).await?, 2);
    Ok(())
}

#[tokio::test]
async fn commits_delayed_at_random_lose_nothing_and_double_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    // A deferred trigger holds each commit up, after its positions were drawn.
    let delay = "create function delay() returns trigger language plpgsql as
                     'begin perform pg_sleep(random() * 0.02); return null; end';
                 create constraint trigger delay after insert on annals.events
                     deferrable initially deferred for each row execute function delay()";
    client.batch_execute(delay).await?;
    let running = start(&store, Audit::with(Fault::None)).await?;

    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            let mut last = GlobalPosition::START;
            for _ in 0..25 {
                let stream = format!("account-{writer}").parse()?;
                let appended = store.append(Append::to(stream, [NewEvent::new("a", &())?])).await?;
                last = last.max(appended.to_position);
            }
            Ok::<_, TestFailure>(last)
        });
    }
    let mut last = GlobalPosition::START;
    while let Some(writer) = writers.join_next().await {
        last = last.max(writer??);
    }
    running.wait_for(last, SOON).await?;

    let sql = "select (select count(*) from annals.events),
                   (select count(*) from annals.events full join audit using (position)
                    where event_id is null or audit.event_type is null)";
    let row = client.query_one(sql, &[]).await?;
    let (events, differences): (i64, i64) = (row.get(0), row.get(1));
    println!("delayed commits: {events} events, {differences} lost or invented");
    assert_eq!((events, differences), (200, 0));
    Ok(())
}

#[tokio::test]
async fn waiting_for_a_position_gives_up_in_time_or_when_the_projection_stops() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let running: RunningProjection = start(&store, Audit::with(Fault::FailsAfterWriting)).await?;

    let early = running.wait_for(GlobalPosition::END, Duration::from_millis(50)).await;
    assert!(matches!(early, Err(WaitError::TimedOut { .. })), "{early:?}");

    append(&store, &["a"]).await?;
    let late = running.wait_for(GlobalPosition::END, SOON).await;
    assert!(matches!(late, Err(WaitError::Stopped { .. })), "{late:?}");
    Ok(())
}

#[tokio::test]
async fn projections_and_subscriptions_of_a_process_share_one_reader_of_the_log() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let audit = start(&store, Audit::with(Fault::None)).await?;
    let mut subscription = store.tailer().subscribe(StartAt::Origin, EventFilter::all()).await?;
    let end = append(&store, &["noted"]).await?;
    audit.wait_for(end, SOON).await?;
    while subscription.position() < end {
        subscription.next().await?;
    }

    let tailer = store.tailer();
    let both_live = async {
        while tailer.live_subscriptions() < 2 {
            tokio::select! {
                page = subscription.next() => panic!("{page:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    tokio::time::timeout(SOON, both_live).await?;
    assert_eq!(tailer.live_subscriptions(), 2);

    audit.stop().await?;
    drop(subscription);
    assert_eq!(tailer.live_subscriptions(), 0);
    Ok(())
}

#[tokio::test]
async fn a_projection_that_was_started_has_one_slot_from_then_on_and_one_that_has_several_is_not_started()
-> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let leases = Leases::of(&store, store.pool().clone());
    start(&store, Audit::with(Fault::None)).await?.stop().await?;

    let audit = Consumer { name: Audit::NAME.to_owned(), version: Audit::VERSION };
    assert_eq!(leases.register(&audit, 16, None).await?.len(), 1, "its keys are dealt to no other slot");

    let other = TestDb::fresh().await?;
    let leases = Leases::of(&other.store(), other.store().pool().clone());
    leases.register(&audit, 16, None).await?;
    let started = start(&other.store(), Audit::with(Fault::None)).await;
    assert!(matches!(started, Err(StartError::Partitioned { partitions: 16, .. })), "{started:?}");
    Ok(())
}
