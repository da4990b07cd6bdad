//! Batches of a slot: large while it is behind, small when it is live, and none where nothing is wanted.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot};
use annals_eventstore::{
    Append, Batch, EventHandler, EventStore, ExpectedVersion, GlobalPosition, HandlerFuture, NewEvent,
    Partition, PostgresStore, Tailer, TailerOptions,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);
const SLOTS: u16 = 10;

/// Tells how many events each batch had.
struct Sizes(watch::Sender<Vec<usize>>);

impl EventHandler for Sizes {
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a> {
        self.0.send_modify(|sizes| sizes.push(batch.events.len()));
        Box::pin(async { Ok(()) })
    }
}

/// A slot of several that is fed pages of a hundred events; what it is told, and how far it is.
async fn slot(
    store: &PostgresStore,
) -> Result<(Slot<Sizes>, watch::Receiver<Vec<usize>>, watch::Receiver<GlobalPosition>), TestFailure> {
    let consumer = Consumer { name: "sizes".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(store, store.pool(), consumer, Partition(0)).await?;
    let (told, sizes) = watch::channel(Vec::new());
    let mine = Box::new(|event: &annals_eventstore::RecordedEvent| {
        Partition::of_key(event.stream.as_str(), SLOTS) == Partition(0)
    });
    let options = TailerOptions { page_events: 100, ..TailerOptions::default() };
    let slot = Slot::new(store, store.pool().clone(), checkpoint, Sizes(told), mine);
    let slot = slot.fed_by(Tailer::with_options(store.clone(), options));
    let progress = slot.progress();
    Ok((slot, sizes, progress))
}

fn stream_of(slot: u16) -> String {
    let names = (0..).map(|n| format!("account-{n}"));
    names.into_iter().find(|name| Partition::of_key(name, SLOTS) == Partition(slot)).expect("one of many")
}

/// Appends events to the stream of a slot.
async fn append(store: &PostgresStore, slot: u16, events: usize) -> Result<GlobalPosition, TestFailure> {
    let events: Vec<_> = (0..events).map(|n| NewEvent::new("noted", &n)).collect::<Result<_, _>>()?;
    let append = Append::to(stream_of(slot).parse()?, events).expecting(ExpectedVersion::Any);
    Ok(store.append(append).await?.to_position)
}

#[tokio::test]
async fn batches_grow_while_a_slot_is_behind_and_are_small_when_it_is_live() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let mut end = GlobalPosition::START;
    for _ in 0..30 {
        append(&store, 1, 90).await?;
        end = append(&store, 0, 10).await?;
    }
    let (slot, sizes, mut progress) = slot(&store).await?;
    let stop = CancellationToken::new();
    let task = tokio::spawn(slot.run(stop.clone()));

    timeout(SOON, progress.wait_for(|reached| *reached >= end)).await??;
    let behind = sizes.borrow().clone();
    let end = append(&store, 0, 1).await?;
    timeout(SOON, progress.wait_for(|reached| *reached >= end)).await??;
    let live = sizes.borrow()[behind.len()..].to_vec();
    stop.cancel();
    task.await??;

    println!("30 pages with 10 events of the slot each: batches of {behind:?}; live: {live:?}");
    assert_eq!(behind.iter().sum::<usize>(), 300);
    assert!(behind.len() <= 3, "{behind:?}");
    assert_eq!(live, [1]);
    Ok(())
}

#[tokio::test]
async fn where_nothing_is_wanted_the_checkpoint_follows_and_is_not_written_for_every_page() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let (slot, sizes, mut progress) = slot(&store).await?;
    let stop = CancellationToken::new();
    let task = tokio::spawn(slot.run(stop.clone()));
    let count = "create table moves (position bigint);
                 create function note_move() returns trigger language plpgsql as
                     'begin insert into moves values (new.position); return null; end';
                 create trigger note_move after update of position on annals.checkpoints
                     for each row execute function note_move()";
    client.batch_execute(count).await?;

    let mut end = GlobalPosition::START;
    for _ in 0..200 {
        end = append(&store, 1, 1).await?;
        timeout(SOON, progress.wait_for(|reached| *reached >= end)).await??;
    }
    let moved = async {
        let reached = "select coalesce(max(position), 0) from moves";
        while client.query_one(reached, &[]).await?.get::<_, i64>(0) < i64::from(end) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        TestResult::Ok(())
    };
    timeout(SOON, moved).await??;
    let moves: i64 = client.query_one("select count(*) from moves", &[]).await?.get(0);
    stop.cancel();

    println!("200 pages in which nothing was wanted moved the checkpoint {moves} times");
    assert_eq!(task.await??.position, end);
    assert_eq!(*sizes.borrow(), [0; 0]);
    assert!((1..=100).contains(&moves), "{moves}");
    Ok(())
}
