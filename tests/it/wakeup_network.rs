//! Wake-ups over a network that goes bad: whatever happens to the listener or to the sender, every event
//! arrives.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::StoreConfig;
use annals_eventstore::{
    Append, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore, Subscription, Wakeups, WokenBy,
};
use tokio::time::timeout;

use crate::support::{Proxy, TestDb};

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(60);

/// Opens a store that listens through a proxy.
async fn listening(
    db: &TestDb,
    proxy: &Proxy,
    poll_interval: Duration,
) -> Result<PostgresStore, TestFailure> {
    let config = StoreConfig {
        listen: Some(proxy.url().parse()?),
        heartbeat: Duration::from_millis(200),
        poll_interval,
        ..StoreConfig::new(db.url().parse()?)
    };
    Ok(PostgresStore::open(config).await?)
}

async fn append(store: &PostgresStore, stream: &str) -> TestResult {
    store.append(Append::to(stream.parse()?, [NewEvent::new("noted", &())?])).await?;
    Ok(())
}

/// Appends in SQL, where nobody is woken.
async fn append_silently(db: &TestDb, stream: &str) -> TestResult {
    let sql = format!("select annals.append('{stream}', -2, '[{{\"type\": \"noted\", \"data\": 1}}]')");
    Ok(db.connect().await?.batch_execute(&sql).await?)
}

/// Waits for hints until none comes any more.
async fn drain(hints: &mut Wakeups) {
    while timeout(Duration::from_millis(300), hints.next()).await.is_ok() {}
}

#[tokio::test]
async fn an_event_between_the_first_read_and_listen_arrives() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    proxy.hold(true);
    let mut subscription = Subscription::after(listening(&db, &proxy, NEVER).await?, GlobalPosition::START);
    let first_read = timeout(Duration::from_millis(100), subscription.next()).await;
    assert!(first_read.is_err(), "{first_read:?}");
    append_silently(&db, "account-1").await?;

    proxy.hold(false);
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!((page.log.events.len(), page.woken_by), (1, WokenBy::Notification));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_falls_silent_without_closing_is_noticed_and_replaced() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    let store = listening(&db, &proxy, NEVER).await?;
    let mut subscription = Subscription::after(store.clone(), GlobalPosition::START);
    // LISTEN and its test have gone through: two connections.
    let nothing = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.accepted(2).await?;

    proxy.stall();
    let before = proxy.connections();
    append_silently(&db, "account-1").await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!((page.log.events.len(), page.woken_by), (1, WokenBy::Notification));
    assert!(proxy.connections() > before, "the listener did not connect anew");
    Ok(())
}

#[tokio::test]
async fn where_listen_never_delivers_a_reader_polls() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    proxy.swallow_notifications();
    let store = listening(&db, &proxy, Duration::from_millis(200)).await?;
    let mut subscription = Subscription::after(store, GlobalPosition::START);
    // One hint follows LISTEN, whether notifications arrive or not.
    let nothing = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    // The self-test fails, and the listener lets go of its connection.
    let admin = db.connect().await?;
    let listeners = "select count(*) from pg_stat_activity
                     where datname = current_database() and query like 'listen %'";
    proxy.accepted(2).await?;
    while admin.query_one(listeners, &[]).await?.get::<_, i64>(0) > 0 {
        tokio::task::yield_now().await;
    }
    let nothing = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");

    append(&db.store(), "account-1").await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!((page.log.events.len(), page.woken_by), (1, WokenBy::Poll));
    Ok(())
}

#[tokio::test]
async fn appends_go_on_where_notify_fails_and_the_wake_up_is_made_up_for() -> TestResult {
    let db = TestDb::fresh().await?;
    let owner = db.connect().await?;
    let proxy = Proxy::before(db.url()).await?;
    let mut subscription = Subscription::after(listening(&db, &proxy, NEVER).await?, GlobalPosition::START);
    let nothing = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let full = "alter function annals.wake() rename to sound_wake;
                create function annals.wake() returns void language plpgsql as $$ begin
                    raise exception 'too many notifications in the NOTIFY queue' using errcode = '54000';
                end $$";
    owner.batch_execute(full).await?;

    for _ in 0..10 {
        append(&db.store(), "account-1").await?;
    }
    let unheard = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(unheard.is_err(), "{unheard:?}");
    owner
        .batch_execute("drop function annals.wake(); alter function annals.sound_wake() rename to wake")
        .await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!((page.log.events.len(), page.woken_by), (10, WokenBy::Notification));
    Ok(())
}

#[tokio::test]
async fn ten_thousand_notifications_cost_a_reader_far_fewer_looks_and_no_event() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    let store = listening(&db, &proxy, NEVER).await?;
    let mut hints = store.wakeups();
    drain(&mut hints).await;
    append_silently(&db, "account-1").await?;

    let flood = "select pg_notify('annals', n::text) from generate_series(1, 10000) as n";
    db.connect().await?.batch_execute(flood).await?;
    // As every reader does: a look for each hint.
    let (mut looks, mut events) = (0, 0);
    while timeout(Duration::from_millis(500), hints.next()).await.is_ok() {
        events = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len();
        looks += 1;
    }

    println!("{looks} looks for 10000 notifications");
    assert_eq!(events, 1);
    assert!(looks < 5_000, "{looks} looks");
    Ok(())
}

#[tokio::test]
async fn notifications_of_another_log_wake_nobody() -> TestResult {
    let db = TestDb::fresh().await?;
    let proxy = Proxy::before(db.url()).await?;
    // The listener lives as long as its store.
    let store = listening(&db, &proxy, NEVER).await?;
    let mut hints = store.wakeups();
    let admin = db.connect().await?;
    drain(&mut hints).await;

    admin.batch_execute("notify annals_two; notify \"annals.two\"; notify other").await?;
    let others = timeout(Duration::from_millis(300), hints.next()).await;
    admin.batch_execute("notify annals").await?;
    let own = timeout(SOON, hints.next()).await?;

    assert!(others.is_err(), "{others:?}");
    assert_eq!(own, WokenBy::Notification);
    Ok(())
}
