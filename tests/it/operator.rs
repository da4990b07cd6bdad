//! Operators pause, resume, set back and empty a projection, and wait for what it shows.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{CheckpointError, ClaimedCheckpoint, Consumer, Leases};
use annals_eventstore::{
    Append, Batch, Cursor, EventStore, ExpectedVersion, GlobalPosition, HandlerError, NewEvent, Partition,
    PostgresStore,
};
use annals_projections::{
    OperateError, Operator, Progress, ProgressError, Projection, Runner, RunnerOptions, RunningRunner,
};
use tokio_postgres::Client;

use crate::support::{TestDb, until_waiting};

const SOON: Duration = Duration::from_secs(30);

/// Counts how often each event was applied, in a schema of its own.
struct Counted;

impl Projection for Counted {
    const NAME: &'static str = "counted";
    const PARTITIONS: u16 = 4;
    const SCHEMA: Option<&'static str> = Some("counting");
    const TABLES: &'static str =
        "create table if not exists counted (position bigint primary key, times integer not null)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        let sql = "insert into counted select position, 1 from unnest($1::bigint[]) as position
                   on conflict (position) do update set times = counted.times + 1";
        batch.transaction.execute(sql, &[&positions]).await?;
        Ok(())
    }
}

fn counted() -> Consumer {
    Consumer { name: "counted".to_owned(), version: 1 }
}

async fn start(store: &PostgresStore) -> Result<RunningRunner, TestFailure> {
    let options = RunnerOptions { lease: Duration::from_secs(5), ..RunnerOptions::default() };
    Ok(Runner::new(store).options(options).host(|| Counted).start().await?)
}

async fn append(store: &PostgresStore, events: usize) -> Result<GlobalPosition, TestFailure> {
    let mut last = GlobalPosition::START;
    for n in 0..events {
        let append = Append::to(format!("account-{}", n % 10).parse()?, [NewEvent::new("noted", &n)?]);
        last = store.append(append.expecting(ExpectedVersion::Any)).await?.to_position;
    }
    Ok(last)
}

/// Returns how many events were applied, and how often in all.
async fn times(client: &Client) -> Result<(i64, i64), TestFailure> {
    let row = client.query_one("select count(*), coalesce(sum(times), 0) from counting.counted", &[]).await?;
    Ok((row.get(0), row.get(1)))
}

#[tokio::test]
async fn a_projection_that_is_paused_is_nobodys_until_it_is_resumed() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let operator = Operator::of(&store, store.pool().clone());
    let progress = Progress::of(&store, store.pool().clone(), counted());
    let runner = start(&store).await?;
    let before = append(&store, 20).await?;
    progress.wait_for(before, None, SOON).await?;

    operator.pause(&counted(), "a migration").await?;
    while operator.list().await?[0].leased > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let end = append(&store, 20).await?;
    let early = progress.wait_for(end, None, Duration::from_millis(200)).await;
    let paused = (operator.list().await?[0].paused, times(&client).await?);
    operator.resume(&counted(), "it is over").await?;
    progress.wait_for(end, None, SOON).await?;

    assert!(matches!(early, Err(ProgressError::TimedOut { wanted, .. }) if wanted == end), "{early:?}");
    assert_eq!(paused, (true, (20, 20)));
    assert_eq!(times(&client).await?, (40, 40));
    let audit =
        client.query("select verb, reason from annals.projection_audit order by audit_id", &[]).await?;
    let audit: Vec<(&str, &str)> = audit.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(audit, [("pause", "a migration"), ("resume", "it is over")]);
    runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_is_set_back_comes_again_and_what_is_emptied_begins_anew_while_runners_run() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let operator = Operator::of(&store, store.pool().clone());
    let progress = Progress::of(&store, store.pool().clone(), counted());
    let runner = start(&store).await?;
    let middle = append(&store, 30).await?;
    let end = append(&store, 10).await?;
    progress.wait_for(end, None, SOON).await?;

    operator.rewind(&counted(), middle, "ten were wrong").await?;
    // By the handle that was told before how far it had been.
    progress.wait_for(end, None, SOON).await?;
    let set_back = times(&client).await?;
    operator.reset(&counted(), "all were wrong").await?;
    progress.wait_for(end, None, SOON).await?;

    println!("{set_back:?} events and times after ten came again");
    assert_eq!(set_back, (40, 50));
    assert_eq!(times(&client).await?, (40, 40));
    let verbs = client.query("select verb from annals.projection_audit order by audit_id", &[]).await?;
    assert_eq!(verbs.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["rewind", "reset"]);
    runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn nothing_is_done_to_a_projection_that_nobody_knows_or_without_a_reason() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let operator = Operator::of(&store, store.pool().clone());

    let unknown = operator.pause(&counted(), "a migration").await;
    let unsaid = operator.reset(&counted(), "").await;
    let unfollowed = Progress::of(&store, store.pool().clone(), counted())
        .wait_for(GlobalPosition::START, None, SOON)
        .await;

    assert!(matches!(unknown, Err(OperateError::UnknownProjection(_))), "{unknown:?}");
    assert!(matches!(unsaid, Err(OperateError::NoReason)), "{unsaid:?}");
    assert!(matches!(unfollowed, Err(ProgressError::UnknownProjection(_))), "{unfollowed:?}");
    Ok(())
}

#[tokio::test]
async fn who_waits_for_a_key_waits_for_its_slot_alone() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let progress = Progress::of(&store, store.pool().clone(), counted());
    let runner = start(&store).await?;
    let begun = append(&store, 10).await?;
    progress.wait_for(begun, None, SOON).await?;
    runner.stop().await;
    // Another slot than that of the key is stopped for good.
    let key = "account-7";
    let of_key = i32::from(Partition::of_key(key, Counted::PARTITIONS).0);
    client.execute("update annals.leases set stopped = 'a test' where partition <> $1", &[&of_key]).await?;
    let runner = start(&store).await?;

    let end = append(&store, 8).await?;
    progress.wait_for(end, Some(key), SOON).await?;
    let all = progress.wait_for(end, None, Duration::from_millis(200)).await;

    assert!(matches!(all, Err(ProgressError::TimedOut { reached, .. }) if reached < end), "{all:?}");
    runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_hundred_who_wait_ask_the_database_as_one() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let runner = start(&store).await?;
    let progress = Progress::of(&store, store.pool().clone(), counted());
    // It gets no further while its rows are locked.
    let mut other = db.connect().await?;
    let held = other.transaction().await?;
    held.batch_execute("lock table counting.counted").await?;
    let end = append(&store, 5).await?;

    let waiting = (0..100).map(|_| {
        let progress = progress.clone();
        tokio::spawn(async move { progress.wait_for(end, None, SOON).await })
    });
    let waiting: Vec<_> = waiting.collect();
    let asking = "select count(*) from pg_stat_activity
                  where datname = current_database() and query like '%c.partition, c.position%'
                    and pid <> pg_backend_pid()";
    let mut at_once: i64 = 0;
    while at_once == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        at_once = client.query_one(asking, &[]).await?.get(0);
    }
    held.rollback().await?;
    let mut come = 0;
    for waiting in waiting {
        waiting.await??;
        come += 1;
    }

    println!("{come} have waited, over {at_once} connections");
    assert_eq!(come, 100);
    // One after the other, each over a connection that is free then: of sixteen, those two or three that asked last.
    assert!((1..=3).contains(&at_once), "{at_once} connections");
    runner.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_a_slot_has_in_hand_is_refused_also_where_it_has_not_come_so_far() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    let runner = start(&store).await?;
    runner.stop().await;
    let operator = Operator::of(&store, store.pool().clone());
    let (partition, pool) = (Partition(3), store.pool());
    let held = ClaimedCheckpoint::claim(&store, pool, counted(), partition).await?;

    operator.reset(&counted(), "the tables are emptied under its first batch").await?;

    let transaction = client.transaction().await?;
    let to = Cursor { position: GlobalPosition::try_from(5)?, event_id: None };
    let late = held.advance(&transaction, to).await;
    assert!(matches!(late, Err(CheckpointError::TakenOver { .. })), "{late:?}");
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_not_the_projections_alone_is_not_emptied() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    start(&store).await?.stop().await;
    let operator = Operator::of(&store, store.pool().clone());
    let other = Consumer { name: "other".to_owned(), version: 1 };
    let leases = Leases::of(&store, store.pool().clone());

    let mut refused = 0;
    for (projection, schema) in
        [(&other, "public"), (&other, "annals"), (&other, "counting"), (&counted(), "counting")]
    {
        leases.register(&other, 1, Some(if projection == &other { schema } else { "counting" })).await?;
        let reset = operator.reset(projection, "to see").await;
        assert!(
            matches!(&reset, Err(OperateError::SharedSchema { schema: told, .. }) if told == schema),
            "{reset:?}"
        );
        refused += 1;
    }
    leases.register(&other, 1, Some("others")).await?;
    operator.reset(&counted(), "it is its own again").await?;
    let audited: i64 = client.query_one("select count(*) from annals.projection_audit", &[]).await?.get(0);
    assert_eq!((refused, audited), (4, 1));
    Ok(())
}

/// A projection that has applied ten events and is nobody's.
async fn applied(db: &TestDb) -> Result<PostgresStore, TestFailure> {
    let store = db.store();
    let runner = start(&store).await?;
    let end = append(&store, 10).await?;
    Progress::of(&store, store.pool().clone(), counted()).wait_for(end, None, SOON).await?;
    runner.stop().await;
    Ok(store)
}

const CHECKPOINTS: &str = "update annals.checkpoints set updated_at = updated_at where consumer = 'counted'";

#[tokio::test]
async fn a_reset_waits_for_a_batch_under_way_and_neither_is_in_the_others_way() -> TestResult {
    let db = TestDb::fresh().await?;
    let (client, observer) = (db.connect().await?, db.connect().await?);
    let store = applied(&db).await?;
    // As a batch does: rows of its table first, its checkpoint last.
    let mut batch = db.connect().await?;
    let batch = batch.transaction().await?;
    batch.execute("insert into counting.counted values (0, 1)", &[]).await?;
    let operator = Operator::of(&store, store.pool().clone());
    let reset = tokio::spawn(async move { operator.reset(&counted(), "while a batch is under way").await });
    until_waiting(&observer, 1).await?;

    // Whoever waits here is found out by nobody for a second: it would be a deadlock.
    batch.batch_execute("set local lock_timeout = '1ms'").await?;
    assert_eq!(batch.execute(CHECKPOINTS, &[]).await?, 4, "nobody has locked the checkpoints yet");
    batch.commit().await?;

    reset.await??;
    assert_eq!(times(&client).await?, (0, 0), "what the batch has stored is emptied with the rest");
    Ok(())
}

#[tokio::test]
async fn an_event_that_every_slot_has_passed_is_not_asked_to_be_skipped() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = applied(&db).await?;
    let operator = Operator::of(&store, store.pool().clone());

    let passed = operator.skip(&counted(), GlobalPosition::try_from(3)?, "too late").await;
    let none = operator.skip(&counted(), GlobalPosition::START, "before the first").await;

    assert!(matches!(passed, Err(OperateError::Passed(_))), "{passed:?}");
    assert!(matches!(none, Err(OperateError::NoSuchEvent(_))), "{none:?}");
    let asked: i64 = db.connect().await?.query_one("select count(*) from annals.control", &[]).await?.get(0);
    assert_eq!(asked, 0);
    Ok(())
}

#[tokio::test]
async fn a_rewind_that_meets_whoever_serves_a_request_is_tried_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let (client, observer) = (db.connect().await?, db.connect().await?);
    drop(applied(&db).await?);
    client
        .batch_execute(
            "insert into annals.parked
                 (consumer, version, partition, key, position, event_id, stream_name, event_type, attempts)
             values ('counted', 1, 0, 'a', 5, gen_random_uuid(), 'a', 'noted', 1)",
        )
        .await?;
    // Whoever looks for a deadlock finds it and is ended: that is the rewind, which looks sooner, and once both wait.
    let name: String = client.query_one("select current_database()::text", &[]).await?.get(0);
    client.batch_execute(&format!("alter database \"{name}\" set deadlock_timeout = '2s'")).await?;
    let store = PostgresStore::connect(db.url()).await?;
    // As an owner does that serves: parked events first, its checkpoint last.
    let mut serving = db.connect().await?;
    let serving = serving.transaction().await?;
    serving
        .batch_execute("set local deadlock_timeout = '1min'; select from annals.parked for update")
        .await?;
    let operator = Operator::of(&store, store.pool().clone());
    let rewind =
        tokio::spawn(async move { operator.rewind(&counted(), GlobalPosition::START, "once more").await });
    until_waiting(&observer, 1).await?;

    assert_eq!(serving.execute(CHECKPOINTS, &[]).await?, 4, "checkpoints that the rewind has locked");
    serving.commit().await?;

    rewind.await??;
    let parked: i64 = client.query_one("select count(*) from annals.parked", &[]).await?.get(0);
    assert_eq!(parked, 0, "it comes again");
    Ok(())
}
