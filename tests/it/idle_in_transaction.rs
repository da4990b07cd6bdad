//! An append that was left open is ended by the server, and readers go on.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot, StoreConfig};
use annals_eventstore::{
    Append, AppendError, AppendMany, Batch, EventHandler, EventStore, ExpectedVersion, GlobalPosition,
    HandlerFuture, LogQuery, NewEvent, Partition, PostgresStore, Subscription,
};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::{PooledDb, TestDb, skipped_without_pooler};

const SOON: Duration = Duration::from_secs(60);

/// Longer than anything takes between two statements of a test that does not wait.
const LIMIT: Duration = Duration::from_secs(1);

fn noted(stream: &str) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?]))
}

async fn limit_of(client: &Client) -> Result<String, TestFailure> {
    let sql = "select current_setting('idle_in_transaction_session_timeout')";
    // Unnamed, since a pooler may stand before the server.
    Ok(client.query_typed_one(sql, &[]).await?.get(0))
}

/// Leaves an append open until the server ends it; returns what the next append in the transaction is told, once a
/// reader was given what was committed behind it.
async fn leave_open(
    store: &PostgresStore,
    other: &PostgresStore,
    several: bool,
) -> Result<AppendError, TestFailure> {
    let mut client = store.pool().get().await?;
    let transaction = client.transaction().await?;
    store.append_in(&transaction, noted("account-1")?).await?;
    let behind = other.append(noted("account-2")?).await?.to_position;
    let mut reader = Subscription::after(
        other.clone(),
        other.read_log(LogQuery::after(GlobalPosition::START)).await?.settled_to,
    );

    let page = timeout(SOON, reader.next()).await??;

    let positions: Vec<_> = page.log.events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [behind], "what was left open is gone");
    let answer = if several {
        let many = AppendMany::new().append(
            "account-1".parse()?,
            ExpectedVersion::Any,
            [NewEvent::new("noted", &2)?],
        );
        store.append_many_in(&transaction, many).await.map(drop)
    } else {
        store.append_in(&transaction, noted("account-1")?).await.map(drop)
    };
    Ok(answer.expect_err("the transaction has ended"))
}

#[tokio::test]
async fn an_append_left_open_is_ended_by_the_server_and_readers_go_on() -> TestResult {
    let db = TestDb::fresh().await?;
    let limited =
        StoreConfig { idle_in_transaction_timeout: Some(LIMIT), ..StoreConfig::new(db.url().parse()?) };
    let store = PostgresStore::open(limited).await?;

    let mut ended = 0;
    for several in [false, true] {
        let told = leave_open(&store, &db.store(), several).await?;
        assert!(matches!(told, AppendError::Unavailable(_)) && told.is_transient(), "{told:?}");
        ended += 1;
    }

    // The pool has noticed as well.
    store.append(noted("account-3")?.expecting(ExpectedVersion::NoStream)).await?;
    let log = db.store().read_log(LogQuery::after(GlobalPosition::START)).await?;
    let streams: Vec<&str> = log.events.iter().map(|event| event.stream.as_str()).collect();
    assert_eq!(streams, ["account-2", "account-2", "account-3"], "of {ended} left open");
    Ok(())
}

#[tokio::test]
async fn behind_a_pooler_the_limit_is_that_of_the_transaction_and_of_no_session() -> TestResult {
    if skipped_without_pooler(
        "idle_in_transaction::behind_a_pooler_the_limit_is_that_of_the_transaction_and_of_no_session",
    ) {
        return Ok(());
    }
    let pooled = PooledDb::fresh(1).await?;
    let limited = StoreConfig {
        idle_in_transaction_timeout: Some(LIMIT),
        notify: false,
        ..StoreConfig::new(pooled.pooler.options()?)
    };
    let (store, direct) = (PostgresStore::open(limited).await?, pooled.db.store());
    let default = limit_of(&pooled.db.connect().await?).await?;

    let told = leave_open(&store, &direct, false).await?;
    assert!(matches!(told, AppendError::Unavailable(_)), "{told:?}");

    // The one session that there is, after an append of its own, in the caller's transaction, and afterwards.
    store.append(noted("account-3")?).await?;
    let mut client = store.pool().get().await?;
    assert_eq!(limit_of(&client).await?, default);
    let transaction = client.transaction().await?;
    store.append_in(&transaction, noted("account-4")?).await?;
    assert_eq!(limit_of(transaction.client()).await?, "1s");
    transaction.commit().await?;
    assert_eq!(limit_of(&client).await?, default);
    let transaction = client.transaction().await?;
    transaction.batch_execute("set local idle_in_transaction_session_timeout = '7s'").await?;
    store.append_in(&transaction, noted("account-4")?).await?;
    assert_eq!(limit_of(transaction.client()).await?, "7s", "the caller's own limit stays");
    transaction.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn connections_of_the_pool_have_the_limit_that_the_store_was_given() -> TestResult {
    let db = TestDb::fresh().await?;
    let default = limit_of(&db.connect().await?).await?;
    let with = |limit| -> Result<StoreConfig, TestFailure> {
        Ok(StoreConfig { idle_in_transaction_timeout: limit, ..StoreConfig::new(db.url().parse()?) })
    };

    for (limit, shown) in [(None, default.as_str()), (Some(Duration::from_millis(1500)), "1500ms")] {
        let store = PostgresStore::open(with(limit)?).await?;
        assert_eq!(limit_of(&*store.pool().get().await?).await?, shown);
    }
    assert_eq!(limit_of(&*db.store().pool().get().await?).await?, "1min", "unless told otherwise");
    let refused = PostgresStore::open(with(Some(Duration::ZERO))?).await.expect_err("that is no limit");
    assert!(refused.to_string().contains("idle_in_transaction_timeout"), "{refused}");
    Ok(())
}

/// Writes each batch down; does nothing in the transaction of the first one until the server has ended its session.
struct Dawdler {
    observer: Client,
    batches: usize,
}

impl EventHandler for Dawdler {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            self.batches += 1;
            let pid: i32 = batch.transaction.query_one("select pg_backend_pid()", &[]).await?.get(0);
            batch.transaction.execute("insert into applied values ($1)", &[&pid]).await?;
            let is_there = "select from pg_stat_activity where pid = $1";
            while self.batches == 1 && self.observer.query_opt(is_there, &[&pid]).await?.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_batch_whose_handler_did_nothing_for_too_long_is_applied_once_all_the_same() -> TestResult {
    let db = TestDb::fresh().await?;
    let (owner, observer) = (db.connect().await?, db.connect().await?);
    owner.batch_execute("create table applied (pid integer)").await?;
    let limited =
        StoreConfig { idle_in_transaction_timeout: Some(LIMIT), ..StoreConfig::new(db.url().parse()?) };
    let store = PostgresStore::open(limited).await?;
    let appended = store.append(noted("account-1")?).await?;
    let consumer = Consumer { name: "dawdler".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let dawdler = Dawdler { observer, batches: 0 };
    let slot = Slot::new(&store, store.pool().clone(), checkpoint, dawdler, Box::new(|_| true));
    let (mut progress, stop) = (slot.progress(), CancellationToken::new());

    let task = tokio::spawn(slot.run(stop.clone()));
    timeout(SOON, progress.wait_for(|reached| *reached >= appended.to_position)).await??;
    stop.cancel();
    timeout(SOON, task).await???;

    let applied: i64 = owner.query_one("select count(*) from applied", &[]).await?.get(0);
    assert_eq!(applied, 1, "the first time left nothing, the second one its row");
    Ok(())
}
