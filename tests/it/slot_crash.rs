//! A slot whose runner crashes in the middle of a batch: the next one applies everything once, and the events of
//! each key in their order. Handlers that break their side of it are noticed.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot};
use annals_eventstore::{
    Append, Batch, EventHandler, EventStore, GlobalPosition, HandlerFuture, NewEvent, Partition, Tailer,
    TailerOptions,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);
const STREAMS: usize = 4;
const EVENTS: usize = 40;

/// How a handler writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// Through the batch's transaction, in the order of the batch.
    Soundly,
    /// On a connection of its own, which commits at once.
    BesideTheTransaction,
    /// The last event first.
    Backward,
}

/// Writes down each event; hangs for ever in its `hangs_at`-th batch, after it has written.
struct WriteDown {
    writes: Writes,
    beside: Client,
    batches: usize,
    hangs_at: Option<usize>,
    hangs: watch::Sender<bool>,
}

impl EventHandler for WriteDown {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        Box::pin(async move {
            let mut events: Vec<_> = batch.events.iter().collect();
            if self.writes == Writes::Backward {
                events.reverse();
            }
            let sql = "insert into applied (stream, version) values ($1, $2)";
            for event in events {
                let (stream, version) = (event.stream.as_str(), event.version.get());
                match self.writes {
                    Writes::BesideTheTransaction => self.beside.execute(sql, &[&stream, &version]).await?,
                    _ => batch.transaction.execute(sql, &[&stream, &version]).await?,
                };
            }
            self.batches += 1;
            if Some(self.batches) == self.hangs_at {
                self.hangs.send_replace(true);
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}

async fn slot(
    db: &TestDb,
    writes: Writes,
    hangs_at: Option<usize>,
) -> Result<(Slot<WriteDown>, watch::Receiver<bool>), TestFailure> {
    let store = db.store();
    let consumer = Consumer { name: "applied".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let (hangs, hanging) = watch::channel(false);
    let handler = WriteDown { writes, beside: db.connect().await?, batches: 0, hangs_at, hangs };
    let options = TailerOptions { page_events: 5, ..TailerOptions::default() };
    let slot =
        Slot::new(&store, store.pool().clone(), checkpoint, handler, Box::new(|_| true)).batch_events(5);
    Ok((slot.fed_by(Tailer::with_options(store, options)), hanging))
}

/// Lets a runner crash in its third batch and another finish; returns what was applied, in its order.
async fn crash_and_finish(db: &TestDb, writes: Writes) -> Result<Vec<(String, i64)>, TestFailure> {
    let client = db.connect().await?;
    let table =
        "create table applied (n bigserial primary key, stream text not null, version bigint not null)";
    client.batch_execute(table).await?;
    let mut end = GlobalPosition::START;
    for n in 0..EVENTS {
        let event = NewEvent::new("noted", &n)?;
        end = db
            .store()
            .append(Append::to(format!("account-{}", n % STREAMS).parse()?, [event]))
            .await?
            .to_position;
    }

    let (first, mut hanging) = slot(db, writes, Some(3)).await?;
    let runner = tokio::spawn(first.run(CancellationToken::new()));
    timeout(SOON, hanging.wait_for(|hangs| *hangs)).await??;
    runner.abort();
    assert!(runner.await.is_err_and(|ended| ended.is_cancelled()), "the runner ended before its crash");

    let (second, _) = slot(db, writes, None).await?;
    let (mut progress, stop) = (second.progress(), CancellationToken::new());
    let runner = tokio::spawn(second.run(stop.clone()));
    timeout(SOON, progress.wait_for(|reached| *reached >= end)).await??;
    stop.cancel();
    timeout(SOON, runner).await???;
    let rows = client.query("select stream, version from applied order by n", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether the versions of every key came in their order.
fn in_order_of_keys(applied: &[(String, i64)]) -> bool {
    (0..STREAMS).all(|n| {
        let key = format!("account-{n}");
        applied.iter().filter(|(stream, _)| *stream == key).is_sorted_by_key(|(_, version)| version)
    })
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_batch_applies_every_event_once_and_keys_in_order() -> TestResult {
    let db = TestDb::fresh().await?;

    let applied = crash_and_finish(&db, Writes::Soundly).await?;

    assert_eq!(applied.len(), EVENTS);
    assert!(in_order_of_keys(&applied), "{applied:?}");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_writes_beside_its_transaction_is_noticed() -> TestResult {
    let db = TestDb::fresh().await?;

    let applied = crash_and_finish(&db, Writes::BesideTheTransaction).await?;

    assert_eq!(applied.len(), EVENTS + 5, "the batch in hand was applied twice");
    assert!(!in_order_of_keys(&applied), "{applied:?}");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_turns_its_batch_around_is_noticed() -> TestResult {
    let db = TestDb::fresh().await?;

    let applied = crash_and_finish(&db, Writes::Backward).await?;

    assert_eq!(applied.len(), EVENTS);
    assert!(!in_order_of_keys(&applied), "{applied:?}");
    Ok(())
}
