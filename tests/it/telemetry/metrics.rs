//! Each metric is emitted by real operations against PostgreSQL.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, PoolOptions, Slot, StoreConfig, pool};
use annals_eventstore::telemetry::{describe_metrics, metrics};
use annals_eventstore::{
    Append, AppendMany, Batch, EventFilter, EventHandler, EventStore, ExpectedVersion, GlobalPosition,
    HandlerFuture, LogQuery, NewEvent, Partition, PostgresStore, StartAt, StreamListQuery, StreamQuery,
    SubscriptionState, Tailer, TailerOptions, Version,
};
use metrics_util::debugging::DebuggingRecorder;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::recorded::Recorded;
use crate::support::{Cut, Cutter, TestDb};

const SOON: Duration = Duration::from_secs(30);

fn noted(n: i64) -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::new("noted", &n)?)
}

fn append(stream: &str, n: i64) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [noted(n)?]))
}

/// Loses its own connection at the first batch.
struct Stumbles(bool);

impl EventHandler for Stumbles {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        let cut = std::mem::replace(&mut self.0, true);
        Box::pin(async move {
            if !cut {
                batch.transaction.execute("select pg_terminate_backend(pg_backend_pid())", &[]).await?;
            }
            Ok(())
        })
    }
}

async fn write(db: &TestDb) -> TestResult {
    let store = db.store();
    store.append(append("account-1", 1)?).await?;
    store.append(append("account-1", 2)?.expecting(ExpectedVersion::NoStream)).await.expect_err("a conflict");
    let many = AppendMany::new().append("account-2".parse()?, ExpectedVersion::Any, [noted(3)?, noted(4)?]);
    store.append_many(many).await?;
    let mut client = db.connect().await?;
    let transaction = client.transaction().await?;
    store.append_in(&transaction, append("account-3", 5)?).await?;
    transaction.rollback().await?;
    // Nothing can be sent between the two.
    store.wake();
    store.wake();
    Ok(())
}

async fn read(store: &PostgresStore) -> TestResult {
    let account = "account-1".parse()?;
    store.read_stream(&account, StreamQuery::forward()).await?;
    store.read_tail(&account, Version::NONE, 10).await?;
    store.stream_info(&account).await?;
    store.stream_info(&"account-9".parse()?).await.expect_err("there is no such stream");
    store.list_streams(StreamListQuery::default()).await?;
    store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    store.read_log(LogQuery::before(GlobalPosition::END)).await?;
    Ok(())
}

/// Loses the answers to two appends: one is found out, the other never.
async fn lose_answers(db: &TestDb) -> TestResult {
    let cutter = Cutter::before(db.url()).await?;
    let config = StoreConfig { notify: false, ..StoreConfig::new(cutter.url().parse()?) };
    let store = PostgresStore::open(config).await?;
    cutter.cut_next([Cut::BeforeDataRow, Cut::BeforeExecute]);
    store.append(append("lost-1", 1)?.with_key("found out")).await?;
    Ok(())
}

/// A subscription that goes live and does not keep up.
async fn follow(db: &TestDb, recorded: &mut Recorded) -> TestResult {
    let options = TailerOptions { page_events: 1, queue_events: 1 };
    let tailer = Tailer::with_options(db.store(), options);
    let mut subscription = tailer.subscribe(StartAt::Now, EventFilter::all()).await?;
    let mut state = subscription.handle().state();
    // It is asked until it is live, and not any more.
    let live = async { state.wait_for(|state| matches!(state, SubscriptionState::Live)).await.map(drop) };
    tokio::select! {
        page = subscription.next() => drop(page?),
        live = live => live?,
    }
    db.store().append(append("account-1", 6)?).await?;
    db.store().append(append("account-1", 7)?).await?;
    recorded.until("annals_subscription_fall_backs_total", "queue_full").await?;
    tailer.stop();
    Ok(())
}

/// A slot whose first batch loses its connection.
async fn apply(db: &TestDb) -> TestResult {
    let store = db.store();
    let consumer = Consumer { name: "balances".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let slot = Slot::new(&store, store.pool().clone(), checkpoint, Stumbles(false), Box::new(|_| true));
    let (mut progress, stop) = (slot.progress(), CancellationToken::new());
    let task = tokio::spawn(slot.run(stop.clone()));
    timeout(SOON, progress.wait_for(|reached| *reached > GlobalPosition::START)).await??;
    stop.cancel();
    timeout(SOON, task).await???;
    Ok(())
}

/// A slot finds nobody where its read model should be.
async fn find_nobody(db: &TestDb, recorded: &mut Recorded) -> TestResult {
    let store = db.store();
    let consumer = Consumer { name: "lost".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let nowhere = pool(&"postgres://127.0.0.1:1/nowhere".parse()?, PoolOptions::default());
    let slot = Slot::new(&store, nowhere, checkpoint, Stumbles(true), Box::new(|_| true));
    tokio::select! {
        ended = slot.run(CancellationToken::new()) => drop(ended?),
        told = recorded.until("annals_slot_breaker_changes_total", "state=open") => told?,
    }
    Ok(())
}

/// A reader is held back by an append that stays open.
async fn hold_back(db: &TestDb, recorded: &mut Recorded) -> TestResult {
    let held_back_warning = Duration::from_millis(50);
    let store =
        PostgresStore::open(StoreConfig { held_back_warning, ..StoreConfig::new(db.url().parse()?) }).await?;
    let mut client = db.connect().await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute(r#"select annals.append('account-4', -2, '[{"type": "noted", "data": 1}]')"#)
        .await?;
    store.append(append("account-5", 1)?).await?;
    let looks = async {
        loop {
            store.read_log(LogQuery::after(GlobalPosition::START)).await?;
        }
    };
    let told = async {
        recorded.until("annals_fence_holders", "holder=idle_in_transaction").await?;
        recorded.until("annals_fence_oldest_hold_seconds", "").await?;
        recorded.until("annals_fence_oldest_holder_pid", "").await
    };
    tokio::select! {
        looked = looks => looked,
        told = told => told,
    }?;
    transaction.rollback().await?;
    Ok(())
}

/// The listener hears a wake-up, loses its connection and comes back.
async fn listen(db: &TestDb, recorded: &mut Recorded) -> TestResult {
    let _wakeups = db.store().wakeups();
    recorded.until("annals_wakeup_mode", "mode=listen").await?;
    db.store().append(append("account-1", 8)?).await?;
    recorded.until("annals_wakeups_received_total", "").await?;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and query like 'listen %'";
    db.connect().await?.batch_execute(cut).await?;
    recorded.until("annals_listener_losses_total", "reason=lost").await
}

#[tokio::test]
async fn each_metric_is_emitted_by_real_operations() -> TestResult {
    let recorder = DebuggingRecorder::new();
    let _here = ::metrics::set_default_local_recorder(&recorder);
    let mut recorded = Recorded::by(&recorder);
    describe_metrics();
    let db = TestDb::fresh().await?;

    write(&db).await?;
    read(&db.store()).await?;
    listen(&db, &mut recorded).await?;
    lose_answers(&db).await?;
    follow(&db, &mut recorded).await?;
    hold_back(&db, &mut recorded).await?;
    apply(&db).await?;
    find_nobody(&db, &mut recorded).await?;
    recorded.until("annals_wakeups_coalesced_total", "").await?;

    let silent: Vec<&str> =
        metrics().iter().map(|metric| metric.name).filter(|name| !recorded.has(name)).collect();
    println!("telemetry: {} metrics in {} series", metrics().len(), recorded.series().len());
    assert!(silent.is_empty(), "never emitted: {silent:?}; there were {:#?}", recorded.series());
    assert_eq!(recorded.sum("annals_appends_total", "outcome=wrong_version,transaction=own"), 1.0);
    assert_eq!(recorded.sum("annals_appends_total", "outcome=appended,transaction=caller"), 1.0);
    assert_eq!(recorded.sum("annals_append_retries_total", ""), 2.0, "the second sending was lost as well");
    assert_eq!(recorded.sum("annals_append_ambiguities_total", "resolved=yes"), 1.0);
    Ok(())
}

#[tokio::test]
async fn an_append_whose_caller_went_away_is_counted_as_abandoned() -> TestResult {
    let recorder = DebuggingRecorder::new();
    let _here = ::metrics::set_default_local_recorder(&recorder);
    let mut recorded = Recorded::by(&recorder);
    let db = TestDb::fresh().await?;

    let mut holder = db.connect().await?;
    let transaction = holder.transaction().await?;
    db.store().append_in(&transaction, append("account-1", 1)?).await?;
    let queued = append("account-1", 2)?;
    let gone = timeout(Duration::from_millis(50), db.store().append(queued)).await;

    assert!(gone.is_err(), "it waits for the stream: {gone:?}");
    assert_eq!(recorded.sum("annals_appends_total", "outcome=abandoned"), 1.0);
    assert_eq!(recorded.sum("annals_appends_total", ""), 2.0);
    Ok(())
}
