//! Several slots of one process share a reader; each keeps a checkpoint of its own.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot, SlotError};
use annals_eventstore::{
    Append, Batch, Checkpoint, EventHandler, EventStore, GlobalPosition, HandlerFuture, NewEvent, Partition,
    PostgresStore, StopReason, Tailer,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

/// Counts what it is given.
struct Count(watch::Sender<usize>);

impl EventHandler for Count {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        self.0.send_modify(|seen| *seen += batch.events.len());
        Box::pin(async { Ok(()) })
    }
}

/// A slot that runs.
struct Running {
    seen: watch::Receiver<usize>,
    progress: watch::Receiver<GlobalPosition>,
    stop: CancellationToken,
    task: JoinHandle<Result<Checkpoint, SlotError>>,
}

async fn run(db: &TestDb, tailer: &Tailer<PostgresStore>, name: &str) -> Result<Running, TestFailure> {
    let store = db.store();
    let consumer = Consumer { name: name.to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let (counter, seen) = watch::channel(0);
    let wants = Box::new(|event: &annals_eventstore::RecordedEvent| event.event_type.as_str() != "noise");
    let slot = Slot::new(&store, store.pool().clone(), checkpoint, Count(counter), wants);
    let slot = slot.fed_by(tailer.clone());
    let (progress, stop) = (slot.progress(), CancellationToken::new());
    let task = tokio::spawn(slot.run(stop.clone()));
    Ok(Running { seen, progress, stop, task })
}

async fn append(db: &TestDb, event_type: &str) -> Result<GlobalPosition, TestFailure> {
    let event = NewEvent::new(event_type, &())?;
    Ok(db.store().append(Append::to("account-1".parse()?, [event])).await?.to_position)
}

#[tokio::test]
async fn slots_of_one_tailer_apply_every_event_once_and_end_with_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let tailer = Tailer::of(db.store());
    append(&db, "noted").await?;
    let (mut first, mut second) = (run(&db, &tailer, "first").await?, run(&db, &tailer, "second").await?);

    for _ in 0..20 {
        append(&db, "noted").await?;
    }
    let end = append(&db, "noise").await?;
    for slot in [&mut first, &mut second] {
        timeout(SOON, slot.progress.wait_for(|reached| *reached >= end)).await??;
        assert_eq!(*slot.seen.borrow(), 21);
    }

    first.stop.cancel();
    assert_eq!(timeout(SOON, first.task).await???.position, end);
    tailer.stop();
    let ended = timeout(SOON, second.task).await??;
    assert!(matches!(ended, Err(SlotError::Subscription(StopReason::TailerStopped))), "{ended:?}");
    Ok(())
}

/// Behaves as if an attempt before had stored its first batch and lost the answer: the checkpoint stands behind it, and
/// what is written again is refused.
struct StoredBefore {
    elsewhere: Client,
    given: watch::Sender<Vec<GlobalPosition>>,
}

impl EventHandler for StoredBefore {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            let is_first = self.given.borrow().is_empty();
            self.given.send_modify(|given| given.extend(batch.events.iter().map(|event| event.position)));
            if is_first {
                let last = batch.events.last().expect("a batch has events");
                let store =
                    "update annals.checkpoints set position = $1, event_id = $2 where consumer = 'stored'";
                self.elsewhere.execute(store, &[&i64::from(last.position), &last.id.as_uuid()]).await?;
                return Err("duplicate key value violates unique constraint".into());
            }
            Ok(())
        })
    }
}

#[tokio::test]
async fn a_batch_that_was_stored_before_and_whose_answer_was_lost_stops_nobody() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let first = append(&db, "noted").await?;
    let consumer = Consumer { name: "stored".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let (given, mut seen) = watch::channel(Vec::new());
    let handler = StoredBefore { elsewhere: db.connect().await?, given };
    let slot = Slot::new(&store, store.pool().clone(), checkpoint, handler, Box::new(|_| true));
    let stop = CancellationToken::new();
    let task = tokio::spawn(slot.run(stop.clone()));
    timeout(SOON, seen.wait_for(|seen| seen == &[first])).await??;

    let second = append(&db, "noted").await?;

    timeout(SOON, seen.wait_for(|seen| seen == &[first, second])).await??;
    stop.cancel();
    assert_eq!(task.await??.position, second);
    Ok(())
}
