//! Subscriptions of a log in PostgreSQL: what a database can do to them, and what one reader saves.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::StoreConfig;
use annals_eventstore::{
    Append, EventFilter, EventStore, GlobalPosition, NewEvent, PostgresStore, ReadError, StartAt, StopReason,
    Subscription, SubscriptionPage, SubscriptionState, TailedSubscription, Tailer, TailerOptions, WokenBy,
};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::support::{BrokenStore, Fault, TestDb};

const SOON: Duration = Duration::from_secs(30);

/// Opens the log as a reader that would poll in an hour.
async fn patient(db: &TestDb) -> Result<PostgresStore, TestFailure> {
    let config = StoreConfig::new(db.url().parse()?);
    Ok(PostgresStore::open(StoreConfig { poll_interval: Duration::from_secs(3600), ..config }).await?)
}

async fn append<S: EventStore>(store: &S, stream: &str) -> Result<GlobalPosition, TestFailure> {
    Ok(store.append(Append::to(stream.parse()?, [NewEvent::new("noted", &())?])).await?.to_position)
}

/// Appends in SQL, where nobody is woken.
fn silently(stream: &str) -> String {
    format!("select annals.append('{stream}', -2, '[{{\"type\": \"noted\", \"data\": 1}}]')")
}

/// Asks for more, which is not there, until the subscription is fed by the tailer.
async fn live<S: EventStore>(subscription: &mut TailedSubscription<S>) -> TestResult {
    let mut state = subscription.handle().state();
    tokio::select! {
        live = timeout(SOON, state.wait_for(|state| matches!(state, SubscriptionState::Live))) => drop(live??),
        page = subscription.next() => panic!("{page:?}"),
    }
    Ok(())
}

/// A subscription that waits for its next page.
type Waiting = AbortOnDropHandle<Result<SubscriptionPage, ReadError>>;

/// Lets an append hold another one's event back from a waiting subscription, and rolls it back: nobody tells.
async fn blocked_and_rolled_back(db: &TestDb) -> Result<Waiting, TestFailure> {
    let (blocker, other) = (db.connect().await?, db.connect().await?);
    let config = StoreConfig::new(db.url().parse()?);
    let config = StoreConfig { notify: false, poll_interval: Duration::from_secs(3600), ..config };
    let mut subscription = Subscription::after(PostgresStore::open(config).await?, GlobalPosition::START);
    blocker.batch_execute(&format!("begin; {}", silently("account-1"))).await?;
    other.batch_execute(&silently("account-2")).await?;
    // Reads what is settled, which is nothing, and goes on to wait for the blocker.
    let mut page = AbortOnDropHandle::new(tokio::spawn(async move { subscription.next().await }));
    let early = timeout(Duration::from_millis(100), &mut page).await;
    assert!(early.is_err(), "{early:?}");
    blocker.batch_execute("rollback").await?;
    Ok(page)
}

#[tokio::test]
async fn what_an_append_held_back_that_rolls_back_is_delivered_without_a_hint() -> TestResult {
    let db = TestDb::fresh().await?;

    let waiting = blocked_and_rolled_back(&db).await?;
    let page = timeout(SOON, waiting).await???;

    assert_eq!(page.woken_by, WokenBy::LookAgain);
    assert_eq!(page.log.events.len(), 1);
    assert_eq!(page.log.events[0].stream.as_str(), "account-2");
    assert!(page.log.held_back.is_none(), "{:?}", page.log);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_is_not_told_that_it_is_held_back_waits_for_its_poll() -> TestResult {
    let db = TestDb::fresh().await?;
    // Finds everything but what holds it back.
    let blind = "
        alter function annals.look() rename to sharp;
        create function annals.look(out head bigint, out clear_to bigint, out is_held_back boolean)
        language sql volatile as 'select head, clear_to, false from annals.sharp()'";
    db.connect().await?.batch_execute(blind).await?;

    let waiting = blocked_and_rolled_back(&db).await?;
    let page = timeout(Duration::from_secs(1), waiting).await;

    assert!(page.is_err(), "{page:?}");
    Ok(())
}

#[tokio::test]
async fn a_hint_that_comes_before_its_event_can_be_read_does_not_hide_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let writer = db.connect().await?;
    let tailer = Tailer::of(patient(&db).await?);
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    live(&mut subscription).await?;

    writer.batch_execute(&format!("begin; {}", silently("account-1"))).await?;
    db.connect().await?.batch_execute("select annals.wake()").await?;
    let early = timeout(Duration::from_millis(200), subscription.next()).await;
    assert!(early.is_err(), "{early:?}");
    writer.batch_execute("commit").await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!(page.events().count(), 1);
    Ok(())
}

#[tokio::test]
async fn connections_that_are_cut_cost_a_subscription_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let tailer = Tailer::of(patient(&db).await?);
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    live(&mut subscription).await?;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()";

    let mut seen = 0;
    for round in 1..=3 {
        // In this order: whoever listens when the event is there is cut off, and looks when it listens again.
        admin.batch_execute(&silently("account-1")).await?;
        admin.batch_execute(cut).await?;
        while seen < round {
            seen += timeout(SOON, subscription.next()).await??.events().count();
        }
        assert_eq!(seen, round);
    }
    Ok(())
}

#[tokio::test]
async fn a_log_that_cannot_be_read_ends_a_subscription_with_the_reason() -> TestResult {
    let db = TestDb::fresh().await?;
    let tailer = Tailer::of(patient(&db).await?);
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    live(&mut subscription).await?;

    db.connect()
        .await?
        .batch_execute("drop function annals.read_log_page cascade; select annals.wake()")
        .await?;
    let ended = timeout(SOON, subscription.next()).await?;

    assert!(matches!(ended, Err(StopReason::Failed(_))), "{ended:?}");
    let again = (subscription.next().await, subscription.handle().stopped().await);
    assert!(matches!(again, (Err(StopReason::Failed(_)), StopReason::Failed(_))), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn twenty_live_subscriptions_read_the_log_once() -> TestResult {
    let store = BrokenStore::new(Fault::None);
    let tailer = Tailer::of(store.clone());
    let mut subscriptions = Vec::new();
    for _ in 0..20 {
        let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
        live(&mut subscription).await?;
        subscriptions.push(subscription);
    }

    let before = store.reads();
    for _ in 0..50 {
        let end = append(&store, "account-1").await?;
        for subscription in &mut subscriptions {
            while subscription.position() < end {
                timeout(SOON, subscription.next()).await??;
            }
        }
    }
    let reads = store.reads() - before;

    // A hint may come between the read that found its event and the next wait.
    assert!(reads <= 2 * 50 + 1, "{reads} reads for 50 appends");
    Ok(())
}

#[tokio::test]
async fn a_tailer_without_subscriptions_lets_go_of_its_store() -> TestResult {
    let store = BrokenStore::new(Fault::None);
    let tailer = Tailer::of(store.clone());
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    live(&mut subscription).await?;
    assert!(store.is_shared(), "nobody reads");

    drop((subscription, tailer));

    while store.is_shared() {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[tokio::test]
async fn holes_wider_than_a_page_are_passed_by_a_subscription_that_catches_up_or_is_live() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let options = TailerOptions { page_events: 2, ..TailerOptions::default() };
    let tailer = Tailer::with_options(patient(&db).await?, options);
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    let hole = "begin; select annals.append('gone-1', -2, (select json_agg(json_build_object('type', 'noted',                 'data', n)) from generate_series(1, 50) as n)); rollback";

    for round in 0..2 {
        admin.batch_execute(hole).await?;
        append(&db.store(), "account-1").await?;
        admin.batch_execute(hole).await?;
        let end = append(&db.store(), "account-1").await?;
        let mut seen = 0;
        while subscription.position() < end {
            seen += timeout(SOON, subscription.next()).await??.events().count();
        }
        assert_eq!(seen, 2, "round {round}");
        live(&mut subscription).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_whose_events_go_while_it_is_read_stops_nobody() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    for _ in 0..5 {
        append(&db.store(), "gone-1").await?;
        append(&db.store(), "account-1").await?;
    }
    let options = TailerOptions { page_events: 1, ..TailerOptions::default() };
    let tailer = Tailer::with_options(patient(&db).await?, options);
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    subscription.next().await?;

    admin
        .batch_execute(
            "alter table annals.events disable trigger all;
             with gone as (
                 delete from annals.events as e using annals.streams as s
                 where s.stream_id = e.stream_id and s.stream_name = 'gone-1'
                 returning e.position, e.event_id)
             insert into annals.scrubbed (position, event_id) select position, event_id from gone",
        )
        .await?;
    let end = append(&db.store(), "account-1").await?;
    let mut seen = 0;
    while subscription.position() < end {
        let page = timeout(SOON, subscription.next()).await??;
        seen += page.events().filter(|event| event.stream.as_str() == "account-1").count();
    }

    assert_eq!(seen, 6);
    Ok(())
}
