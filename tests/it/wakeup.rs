//! Readers are woken after a commit, by the database and not by chance; without wake-ups they poll.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::StoreConfig;
use annals_eventstore::{Append, EventStore, GlobalPosition, NewEvent, PostgresStore, Subscription, WokenBy};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::support::TestDb;

const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(20);

/// Opens a second store on the same log, as another process would.
async fn reader(db: &TestDb, poll_interval: Duration, notify: bool) -> Result<PostgresStore, TestFailure> {
    let connect = db.url().parse()?;
    Ok(PostgresStore::open(StoreConfig { poll_interval, notify, ..StoreConfig::new(connect) }).await?)
}

async fn append(store: &PostgresStore, stream: &str) -> Result<GlobalPosition, TestFailure> {
    let event = NewEvent::new("noted", &())?;
    Ok(store.append(Append::to(stream.parse()?, [event])).await?.to_position)
}

/// Returns the backend that listens for a schema's wake-ups, once there is one that idles.
async fn listening_backend(admin: &Client, other_than: i32) -> Result<i32, TestFailure> {
    let sql = "select pid from pg_stat_activity
               where datname = current_database() and query like 'listen %' and state = 'idle' and pid <> $1";
    loop {
        if let Some(row) = admin.query_opt(sql, &[&other_than]).await? {
            return Ok(row.get(0));
        }
        tokio::task::yield_now().await;
    }
}

/// Reads until the subscription waits: one more page would be news.
async fn drain(subscription: &mut Subscription<PostgresStore>) -> Result<(), TestFailure> {
    while let Ok(page) = timeout(Duration::from_millis(300), subscription.next()).await {
        page?;
    }
    Ok(())
}

#[tokio::test]
async fn an_append_in_another_process_wakes_a_reader_that_would_poll_in_an_hour() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let mut subscription = Subscription::after(reader(&db, NEVER, true).await?, GlobalPosition::START);
    // The first look, and the one after LISTEN has been answered, find an empty log.
    let nothing = timeout(Duration::from_millis(300), subscription.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    listening_backend(&admin, 0).await?;

    let appended = append(&db.store(), "account-1").await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!(page.woken_by, WokenBy::Notification);
    assert_eq!(page.log.events.last().map(|event| event.position), Some(appended));
    Ok(())
}

#[tokio::test]
async fn without_notify_a_reader_polls() -> TestResult {
    let db = TestDb::fresh().await?;
    let interval = Duration::from_millis(200);
    let mut subscription = Subscription::after(reader(&db, interval, false).await?, GlobalPosition::START);
    append(&db.store(), "account-1").await?;
    timeout(SOON, subscription.next()).await??;

    append(&db.store(), "account-1").await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!((page.woken_by, page.log.events.len()), (WokenBy::Poll, 1));
    Ok(())
}

#[tokio::test]
async fn events_appended_while_the_listener_is_cut_off_arrive_without_another_append() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let mut subscription = Subscription::after(reader(&db, NEVER, true).await?, GlobalPosition::START);
    append(&db.store(), "account-1").await?;
    timeout(SOON, subscription.next()).await??;
    let listener = listening_backend(&admin, 0).await?;
    drain(&mut subscription).await?;

    // The event commits between the end of the old connection and LISTEN on the new one: no NOTIFY for it
    // reaches anybody, since the SQL caller sends none.
    let sql = "select pg_terminate_backend($1), annals.append('account-2', -2, '[{\"type\": \"noted\", \"data\": 1}]')";
    admin.query_one(sql, &[&listener]).await?;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!(page.log.events[0].stream.as_str(), "account-2");
    let again = listening_backend(&admin, listener).await?;
    assert_ne!(again, listener);
    Ok(())
}

#[tokio::test]
async fn an_append_right_before_closing_still_wakes_others() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let mut subscription = Subscription::after(reader(&db, NEVER, true).await?, GlobalPosition::START);
    drain(&mut subscription).await?;
    listening_backend(&admin, 0).await?;

    let writer = reader(&db, NEVER, true).await?;
    append(&writer, "account-1").await?;
    writer.close().await;
    let page = timeout(SOON, subscription.next()).await??;

    assert_eq!(page.log.events.len(), 1);
    Ok(())
}
