//! Who holds the fence: open appends are listed with whoever can end them, and nothing else is.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ConnectOptions, FenceBlocker, FenceHolder, StoreConfig, connect};
use annals_eventstore::{Append, EventStore, NewEvent, PostgresStore};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::TestDb;

fn noted(stream: &str) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?]))
}

async fn pid(client: &Client) -> Result<i32, TestFailure> {
    Ok(client.query_one("select pg_backend_pid()", &[]).await?.get(0))
}

/// Locks like those of the fence, of sessions that have appended nothing to this log.
async fn strangers(db: &TestDb) -> Result<Vec<Client>, TestFailure> {
    let mut strangers = Vec::new();
    for locks in [
        "select pg_advisory_lock_shared((annals.fence_namespace() << 48) | 1)",
        "begin; select pg_advisory_xact_lock_shared((annals.fence_namespace() << 48) | 1)",
        "begin; update annals.streams set version = version",
        "begin; select pg_current_xact_id()",
    ] {
        let stranger = db.connect().await?;
        stranger.batch_execute(locks).await?;
        strangers.push(stranger);
    }
    Ok(strangers)
}

#[tokio::test]
async fn open_appends_are_listed_with_who_can_end_them() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, other) = (db.store(), db.connect().await?);
    let before = store.append(noted("account-0")?).await?.to_position;
    let strangers = strangers(&db).await?;
    assert_eq!(store.fence_blockers().await?, [], "nobody has appended");

    let till = ConnectOptions::parse(db.url())?.application_name("till");
    let mut till = connect(&till).await?.into_client();
    let till_pid = pid(&till).await?;
    let transaction = till.transaction().await?;
    store.append_in(&transaction, noted("account-1")?).await?;
    let gid = format!("order's {}", Uuid::now_v7());
    let quoted = gid.replace('\'', "''");
    let append = r#"select annals.append('account-2', -2, '[{"type": "noted", "data": 1}]')"#;
    other.batch_execute(&format!("begin; {append}; prepare transaction '{quoted}'")).await?;
    // The session that prepared it goes on with something else.
    other.batch_execute("begin; select pg_current_xact_id()").await?;
    let listed = store.fence_blockers().await?;
    other.batch_execute("rollback").await?;
    other.batch_execute(&format!("rollback prepared '{quoted}'")).await?;
    transaction.rollback().await?;

    let [first, second] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(first.holds_back_after, before);
    let FenceHolder::Session { pid, user, application_name, state } = &first.holder else {
        panic!("{first:?}")
    };
    assert_eq!(*pid, till_pid);
    assert_eq!(application_name.as_deref(), Some("till"));
    assert_eq!(state.as_deref(), Some("idle in transaction"));
    assert!(second.holds_back_after >= before);
    let owner = user.clone();
    assert!(owner.is_some());
    assert_eq!(second.holder, FenceHolder::Prepared { gid: Some(gid), owner });
    assert!(listed.iter().all(|blocker| blocker.since.is_some() && blocker.open_for.is_some()), "{listed:?}");
    assert_eq!(store.fence_blockers().await?, [], "both have ended");
    drop(strangers);
    Ok(())
}

#[tokio::test]
async fn a_prepared_append_is_known_by_its_name_also_after_a_restart_of_its_session() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, gid) = (db.store(), Uuid::now_v7().to_string());
    let preparing = db.connect().await?;
    let append = r#"select annals.append('account-2', -2, '[{"type": "noted", "data": 1}]')"#;
    // Savepoints have transaction ids of their own.
    let nested = format!("begin; savepoint a; {append}; savepoint b; {append}; release a");
    preparing.batch_execute(&format!("{nested}; prepare transaction '{gid}'")).await?;
    drop(preparing);

    let listed = store.fence_blockers().await?;
    db.connect().await?.batch_execute(&format!("commit prepared '{gid}'")).await?;

    assert_eq!(listed.iter().map(|blocker| blocker.holder.gid()).collect::<Vec<_>>(), [Some(gid.as_str())]);
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_see_sessions_still_learns_which_one_it_is() -> TestResult {
    let db = TestDb::fresh().await?;
    let reader = ConnectOptions::parse(db.url())?.with_setting("role", "annals_reader");
    let reader = PostgresStore::open(StoreConfig::new(reader)).await?;
    let mut till = db.connect().await?;
    let till_pid = pid(&till).await?;
    let transaction = till.transaction().await?;
    db.store().append_in(&transaction, noted("account-1")?).await?;

    let listed = reader.fence_blockers().await?;

    let [FenceBlocker { holder, since: None, open_for: None, .. }] = &listed[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(holder.pid(), Some(till_pid));
    assert!(matches!(holder, FenceHolder::Session { state: None, .. }), "{holder:?}");
    Ok(())
}
