//! A reader on a hot standby: it goes as far as the published head, and misses nothing, over a promotion too.

use std::path::PathBuf;
use std::time::Duration;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure, TestResult};
use annals_eventstore::postgres::{SchemaName, StoreConfig, WakeupState, connect, migrate};
use annals_eventstore::{
    Append, AppendError, EventFilter, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore,
    RecordedEvent, StartAt, TailedSubscription,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::Ran;

const SOON: Duration = Duration::from_secs(30);

/// A log on a primary that publishes nothing by itself, and the hot standby that follows it.
struct Pair {
    primary: PrivateServer,
    standby: PrivateServer,
    folder: PathBuf,
    /// Appends on the primary.
    store: PostgresStore,
    /// The owner of the log, on the primary.
    owner: Client,
    /// Looks at how far the standby has come.
    observer: Client,
    _ran: Option<Ran>,
}

impl Pair {
    async fn start(name: &str) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let primary =
            Server::private(Profile::Test, folder.join("primary"), &[("max_wal_senders", "4")]).await?;
        primary.server().ensure_database("shop").await?;
        let options = primary.url("shop").parse()?;
        migrate(&options, &SchemaName::default()).await?;
        let standby = primary.standby(folder.join("standby")).await?;
        let owner = connect(&options).await?.into_client();
        let observer = connect(&standby.url("shop").parse()?).await?.into_client();
        let quiet = StoreConfig { publish_head: None, notify: false, ..StoreConfig::new(options) };
        let (store, ran) = (PostgresStore::open(quiet).await?, Ran::on_server_of(&owner).await?);
        Ok(Self { primary, standby, folder, store, owner, observer, _ran: ran })
    }

    /// Opens a store on the standby whose readers look often.
    async fn reader(&self) -> Result<PostgresStore, TestFailure> {
        let config = StoreConfig::new(self.standby.url("shop").parse()?);
        Ok(PostgresStore::open(StoreConfig { poll_interval: Duration::from_millis(20), ..config }).await?)
    }

    async fn publish(&self) -> Result<bool, tokio_postgres::Error> {
        Ok(self.owner.query_one("select annals.publish_head()", &[]).await?.get(0))
    }

    /// Waits until the standby has replayed whatever the primary has written.
    async fn replayed(&self) -> TestResult {
        let written = "select pg_current_wal_lsn()::text";
        let written: String = self.owner.query_one(written, &[]).await?.get(0);
        let replayed = "select pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
        timeout(SOON, async {
            while !self.observer.query_one(replayed, &[&written]).await?.get::<_, bool>(0) {
                tokio::task::yield_now().await;
            }
            Ok(())
        })
        .await?
    }

    async fn append(&self, n: i64) -> Result<GlobalPosition, TestFailure> {
        Ok(self.store.append(noted(n)?).await?.to_position)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // The servers may still write while they go; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn noted(n: i64) -> Result<Append, TestFailure> {
    Ok(Append::to(format!("note-{n}").parse()?, [NewEvent::new("noted", &n)?]))
}

fn positions(events: &[RecordedEvent]) -> Vec<i64> {
    events.iter().map(|event| event.position.into()).collect()
}

async fn after(store: &PostgresStore, position: GlobalPosition) -> Result<Vec<RecordedEvent>, TestFailure> {
    Ok(store.read_log(LogQuery::after(position)).await?.events)
}

/// Reads on until an event, and returns the positions of what came.
async fn read_to(
    subscription: &mut TailedSubscription<PostgresStore>,
    end: GlobalPosition,
) -> Result<Vec<i64>, TestFailure> {
    let mut seen = Vec::new();
    while subscription.position() < end {
        let page = timeout(SOON, subscription.next()).await??;
        seen.extend(page.events().map(|event| i64::from(event.position)));
    }
    Ok(seen)
}

/// A reader on the standby comes by while a lower position is open, and again when it has been committed; returns
/// what it was given.
async fn seen_around_an_open_append(pair: &Pair, reader: &PostgresStore) -> Result<Vec<i64>, TestFailure> {
    let mut slow = connect(&pair.primary.url("shop").parse()?).await?.into_client();
    let open = slow.transaction().await?;
    pair.store.append_in(&open, noted(1)?).await?;
    pair.append(2).await?;
    assert!(pair.publish().await?, "an open append holds something back");
    pair.replayed().await?;
    let mut seen = after(reader, GlobalPosition::START).await?;
    open.commit().await?;
    assert!(!pair.publish().await?);
    pair.replayed().await?;
    let cursor = seen.last().map_or(GlobalPosition::START, |event| event.position);
    seen.extend(after(reader, cursor).await?);
    Ok(positions(&seen))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_on_a_standby_skips_no_append_that_was_open_when_it_looked() -> TestResult {
    let pair = Pair::start("standby-open").await?;
    let reader = pair.reader().await?;

    assert_eq!(seen_around_an_open_append(&pair, &reader).await?, [1, 2]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_reads_whatever_it_has_replayed_loses_the_open_append() -> TestResult {
    let pair = Pair::start("standby-greedy").await?;
    let published = "coalesce((select h.position from annals.head as h), 0)";
    let replayed = "coalesce((select max(e.position) from annals.events as e), 0)";
    let source = "select pg_get_functiondef('annals.look()'::regprocedure)";
    let source: String = pair.owner.query_one(source, &[]).await?.get(0);
    assert_eq!(source.matches(published).count(), 1);
    pair.owner.batch_execute(&source.replace(published, replayed)).await?;
    let reader = pair.reader().await?;

    assert_eq!(seen_around_an_open_append(&pair, &reader).await?, [2], "the mistake is noticed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_on_a_standby_goes_on_over_its_promotion() -> TestResult {
    let pair = Pair::start("standby-promoted").await?;
    let reader = pair.reader().await?;
    pair.append(1).await?;
    let end = pair.append(2).await?;
    let mut subscription = reader.tailer().subscribe(StartAt::Origin, EventFilter::all()).await?;
    pair.publish().await?;
    let mut seen = read_to(&mut subscription, end).await?;

    // The standby takes nothing, and says so.
    let refused = reader.append(noted(3)?).await.expect_err("a standby takes no event");
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    let mut state = reader.wakeup_state();
    timeout(SOON, state.wait_for(|state| *state == WakeupState::Standby)).await??;

    let last_of_the_primary = pair.append(4).await?;
    pair.publish().await?;
    seen.extend(read_to(&mut subscription, last_of_the_primary).await?);
    pair.observer.query_one("select pg_promote()", &[]).await?;
    let promoted = reader.append(noted(5)?).await?.to_position;
    seen.extend(read_to(&mut subscription, promoted).await?);

    let stored = positions(&after(&reader, GlobalPosition::START).await?);
    assert_eq!((seen.len(), &seen), (4, &stored), "all, once and in order");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_process_appends_reaches_standbys_without_anybody_asking() -> TestResult {
    let pair = Pair::start("standby-published").await?;
    let reader = pair.reader().await?;
    let publishing = StoreConfig::new(pair.primary.url("shop").parse()?);
    let writer = PostgresStore::open(StoreConfig { notify: false, ..publishing }).await?;
    let mut subscription = reader.tailer().subscribe(StartAt::Origin, EventFilter::all()).await?;

    // The head is published at once, the second one later, and the one behind an open append when that has ended.
    let mut seen = Vec::new();
    for n in 1..=2 {
        let end = writer.append(noted(n)?).await?.to_position;
        seen.extend(read_to(&mut subscription, end).await?);
    }
    let mut slow = connect(&pair.primary.url("shop").parse()?).await?.into_client();
    let open = slow.transaction().await?;
    writer.append_in(&open, noted(3)?).await?;
    let end = writer.append(noted(4)?).await?.to_position;
    pair.replayed().await?;
    open.commit().await?;
    seen.extend(read_to(&mut subscription, end).await?);
    // Closing publishes what is left.
    let end = writer.append(noted(5)?).await?.to_position;
    writer.close().await;
    seen.extend(read_to(&mut subscription, end).await?);

    assert_eq!(seen, [1, 2, 3, 4, 5]);
    Ok(())
}

#[tokio::test]
async fn a_sequence_behind_the_published_head_takes_no_event_before_it_is_repaired() -> TestResult {
    let db = crate::support::TestDb::fresh().await?;
    let owner = db.connect().await?;
    owner.batch_execute("insert into annals.head (position) values (7)").await?;

    let refused =
        db.store().append(noted(1)?).await.expect_err("positions up to 7 may have been read elsewhere");
    assert!(matches!(refused, AppendError::NeedsRepair { .. }), "{refused:?}");
    annals_eventstore::postgres::repair_log(&db.url().parse()?, &SchemaName::default()).await?;
    assert_eq!(i64::from(db.store().append(noted(1)?).await?.to_position), 8);
    Ok(())
}
