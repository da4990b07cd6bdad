//! An application logs in with the rights of an appender and of a reader, and can do no more than that.

use annals_devdb::TestResult;
use annals_eventstore::postgres::{StoreConfig, connect};
use annals_eventstore::{
    Append, AppendMany, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent, PostgresStore,
    StreamQuery,
};
use tokio_postgres::error::SqlState;

use super::{PASSWORD, url_as};
use crate::support::TestDb;

/// What would forge a position, a time or a version, or undo an event.
const FORGERIES: [&str; 10] = [
    "insert into annals.events (position, stream_id, version, event_id, event_type, schema_version, data)
     values (999, 1, 99, gen_random_uuid(), 'forged', 1, '{}')",
    "update annals.events set data = '{}'",
    "delete from annals.events",
    "truncate annals.events",
    "update annals.streams set version = 99",
    "select nextval('annals.events_position_seq')",
    "select setval('annals.events_position_seq', 1)",
    "select annals.enter_fence()",
    "select annals.remove_events(1, 99, 99)",
    "select annals.delete_stream('account-1', -4, null)",
];

#[tokio::test]
async fn an_application_appends_and_reads_and_can_forge_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    // Roles belong to the whole server; this one to this test.
    let login = format!("app_{}", std::process::id());
    admin
        .batch_execute(&format!(
            "create role {login} login password '{PASSWORD}';
             grant annals_appender, annals_reader to {login}"
        ))
        .await?;
    let url = url_as(db.url(), &login);

    let store = PostgresStore::open(StoreConfig::new(url.parse()?)).await?;
    let event = || NewEvent::new("noted", &1);
    let fresh = Append::to("account-1".parse()?, [event()?]).expecting(ExpectedVersion::NoStream);
    store.append(fresh).await?;
    store.append(Append::to("account-1".parse()?, [event()?])).await?;
    store.append(Append::to("account-1".parse()?, [event()?, event()?]).with_key("once")).await?;
    store
        .append_many(AppendMany::new().append("account-2".parse()?, ExpectedVersion::Any, [event()?]))
        .await?;
    let stream = store.read_stream(&"account-1".parse()?, StreamQuery::forward()).await?;
    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert_eq!((stream.len(), log.events.len()), (4, 5));
    store.close().await;

    let session = connect(&url.parse()?).await?.into_client();
    let mut refused = 0;
    for forgery in FORGERIES {
        let error = session.batch_execute(forgery).await.expect_err(forgery);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{forgery}: {error:?}");
        refused += 1;
    }
    println!("forgeries refused: {refused}");
    assert_eq!(refused, FORGERIES.len());
    drop(session);
    admin.batch_execute(&format!("drop owned by {login}; drop role {login}")).await?;
    Ok(())
}
