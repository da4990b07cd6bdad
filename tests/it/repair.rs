//! Repairs of a log while others work on it: two at once, and under consumers that run.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{
    CheckpointError, ClaimedCheckpoint, ConnectOptions, Consumer, SchemaName, repair_log,
};
use annals_eventstore::{
    Append, Cursor, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent, Partition, PostgresStore,
};
use deadpool_postgres::Pool;

use crate::support::{TestDb, until_waiting};

fn consumer() -> Consumer {
    Consumer { name: "mails".to_owned(), version: 1 }
}

/// Appends an event; returns where a reader stands that has seen it.
async fn append(store: &PostgresStore) -> Result<Cursor, TestFailure> {
    let append =
        Append::to("account-1".parse()?, [NewEvent::new("noted", &1)?]).expecting(ExpectedVersion::Any);
    store.append(append).await?;
    let events = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events;
    let last = events.last().ok_or("an event was appended")?;
    Ok(Cursor { position: last.position, event_id: Some(last.id) })
}

async fn claim(store: &PostgresStore, pool: &Pool) -> Result<ClaimedCheckpoint, CheckpointError> {
    ClaimedCheckpoint::claim(store, pool, consumer(), Partition::default()).await
}

/// Leaves a checkpoint behind the last event.
async fn keep(store: &PostgresStore, pool: &Pool, at: Cursor) -> TestResult {
    let claimed = claim(store, pool).await?;
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    claimed.advance(&transaction, at).await?;
    Ok(transaction.commit().await?)
}

#[tokio::test]
async fn checkpoints_go_on_after_two_repairs_at_once() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut first, second, observer) =
        (db.store(), db.connect().await?, db.connect().await?, db.connect().await?);
    let end = append(&store).await?;
    keep(&store, store.pool(), end).await?;

    let held = first.transaction().await?;
    held.query("select annals.repair_log()", &[]).await?;
    let waiting = tokio::spawn(async move { second.query("select annals.repair_log()", &[]).await });
    until_waiting(&observer, 1).await?;
    held.commit().await?;
    waiting.await??;

    let lineages: i64 = observer.query_one("select count(*) from annals.lineage", &[]).await?.get(0);
    assert_eq!(lineages, 3, "one at the start and one for each repair");
    let reopened = PostgresStore::connect(db.url()).await?;
    assert_eq!(claim(&reopened, reopened.pool()).await?.checkpoint().cursor(), end);
    Ok(())
}

#[tokio::test]
async fn a_log_is_not_repaired_where_one_snapshot_would_hide_what_others_repaired() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;

    for isolation in ["repeatable read", "serializable"] {
        client.batch_execute(&format!("begin isolation level {isolation}")).await?;
        let refused =
            client.query("select annals.repair_log()", &[]).await.expect_err("one snapshot for all");
        client.batch_execute("rollback").await?;
        assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("LG006"), "{isolation}");
    }
    Ok(())
}

#[tokio::test]
async fn a_running_consumer_goes_on_after_a_repair_without_opening_the_store_anew() -> TestResult {
    let (log, elsewhere) = (TestDb::fresh().await?, TestDb::fresh().await?);
    let store = log.store();
    let (beside, other) = (store.pool().clone(), elsewhere.store().pool().clone());
    let end = append(&store).await?;
    keep(&store, &beside, end).await?;
    keep(&store, &other, end).await?;

    let options: ConnectOptions = log.url().parse()?;
    repair_log(&options, &SchemaName::default()).await?;

    assert_eq!(claim(&store, &beside).await?.checkpoint().cursor(), end, "it was adopted");
    let stops = claim(&store, &other).await;
    assert!(matches!(stops, Err(CheckpointError::Diverged { .. })), "nobody adopted it: {stops:?}");
    let begun = Consumer { name: "letters".to_owned(), version: 1 };
    ClaimedCheckpoint::claim(&store, &other, begun.clone(), Partition::default()).await?;
    let reopened = PostgresStore::connect(log.url()).await?;
    ClaimedCheckpoint::claim(&reopened, &other, begun, Partition::default()).await?;
    Ok(())
}
