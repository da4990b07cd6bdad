//! A consumer keeps its position in the table of checkpoints: resumed, taken over, forgotten.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{CheckpointError, ClaimedCheckpoint, Consumer, KeptCheckpoint};
use annals_eventstore::{
    Append, CheckpointKeeper, CheckpointPolicy, CheckpointedConsumer, ConsumeError, EventFilter, EventStore,
    GlobalPosition, NewEvent, Partition, StreamQuery,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

async fn claimed(db: &TestDb) -> Result<KeptCheckpoint, TestFailure> {
    let store = db.store();
    let consumer = Consumer { name: "mails".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    Ok(KeptCheckpoint::of(checkpoint, store.pool().clone()))
}

async fn append(db: &TestDb, events: usize) -> Result<GlobalPosition, TestFailure> {
    let events = (0..events).map(|n| NewEvent::new("noted", &n)).collect::<Result<Vec<_>, _>>()?;
    Ok(db.store().append(Append::to("account-1".parse()?, events)).await?.to_position)
}

/// Handles what there is up to a position, and returns the versions.
async fn consume(db: &TestDb, keeper: KeptCheckpoint, end: GlobalPosition) -> Result<Vec<i64>, TestFailure> {
    let policy = CheckpointPolicy { events: 3, ..CheckpointPolicy::default() };
    let consumer =
        CheckpointedConsumer::resume(&db.store().tailer(), keeper, EventFilter::all(), policy).await?;
    let (stop, mut versions) = (CancellationToken::new(), Vec::new());
    let running = consumer.run(stop.clone(), async |event| {
        versions.push(event.version.get());
        if event.position == end {
            stop.cancel();
        }
        Ok(())
    });
    timeout(SOON, running).await??;
    Ok(versions)
}

#[tokio::test]
async fn a_consumer_goes_on_where_its_row_says_and_begins_again_when_it_is_forgotten() -> TestResult {
    let db = TestDb::fresh().await?;
    let end = append(&db, 5).await?;

    assert_eq!(consume(&db, claimed(&db).await?, end).await?, [1, 2, 3, 4, 5]);
    let kept = "select c.position, c.event_id = e.event_id
                from annals.checkpoints as c join annals.events as e on e.version = 5";
    let row = db.connect().await?.query_one(kept, &[]).await?;
    assert_eq!((GlobalPosition::try_from(row.get::<_, i64>(0))?, row.get(1)), (end, true));

    let end = append(&db, 2).await?;
    assert_eq!(consume(&db, claimed(&db).await?, end).await?, [6, 7]);
    claimed(&db).await?.forget().await?;
    assert_eq!(consume(&db, claimed(&db).await?, end).await?, [1, 2, 3, 4, 5, 6, 7]);
    Ok(())
}

#[tokio::test]
async fn a_consumer_that_was_taken_over_ends_and_moves_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    append(&db, 5).await?;
    let store = db.store();
    let policy = CheckpointPolicy::each_event();
    let keeper = claimed(&db).await?;
    let consumer = CheckpointedConsumer::resume(&store.tailer(), keeper, EventFilter::all(), policy).await?;

    let mut handled = 0;
    let running = consumer.run(CancellationToken::new(), async |_| {
        handled += 1;
        if handled == 3 {
            claimed(&db).await.expect("another owner claims the checkpoint");
        }
        Ok(())
    });
    let ended = timeout(SOON, running).await?;

    let is_refused = matches!(ended, Err(ConsumeError::Keeper(CheckpointError::TakenOver { .. })));
    assert!(is_refused, "{ended:?}");
    assert_eq!(handled, 3);
    let mut successor = claimed(&db).await?;
    let events = store.read_stream(&"account-1".parse()?, StreamQuery::forward()).await?;
    assert_eq!(successor.load().await?.position, events[1].position, "the first two were kept, and no other");
    Ok(())
}

#[tokio::test]
async fn an_owner_that_was_overtaken_forgets_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let end = append(&db, 2).await?;
    consume(&db, claimed(&db).await?, end).await?;
    let (former, mut latter) = (claimed(&db).await?, claimed(&db).await?);

    let refused = former.forget().await;

    assert!(matches!(refused, Err(CheckpointError::TakenOver { .. })), "{refused:?}");
    assert_eq!(latter.load().await?.position, end);
    Ok(())
}
