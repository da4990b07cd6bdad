//! Unique event ids, where a log requires them.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent,
};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::{TestDb, until_waiting};

const REQUIRE: &str = "select annals.require_unique_event_ids()";
const APPEND: &str = "select from annals.append($1, -2,
    '[{\"type\": \"a\", \"data\": 1, \"id\": \"0191e4a0-0000-7000-8000-000000000001\"}]')";

async fn sqlstate(client: &Client, sql: &str, stream: &str) -> String {
    let refused = client.query(sql, &[&stream]).await.expect_err("it is refused");
    refused.code().map(|code| code.code().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn in_sql_a_known_event_id_is_refused_in_any_stream() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.execute(REQUIRE, &[]).await?;
    client.execute(REQUIRE, &[]).await?;

    client.query(APPEND, &[&"account-1"]).await?;

    for stream in ["account-1", "account-2"] {
        assert_eq!(sqlstate(&client, APPEND, stream).await, "LG008", "{stream}");
    }
    client.batch_execute("set session_replication_role = replica").await?;
    assert_eq!(sqlstate(&client, APPEND, "account-3").await, "LG008", "under the replica role");
    Ok(())
}

#[tokio::test]
async fn a_log_that_holds_an_id_twice_cannot_require_unique_ones() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    for stream in ["account-1", "account-2"] {
        client.query(APPEND, &[&stream]).await?;
    }

    let refused = client.query(REQUIRE, &[]).await.expect_err("an id is there twice");

    assert_eq!(refused.code().map(SqlState::code), Some("23505"));
    client.query(APPEND, &[&"account-3"]).await?;
    Ok(())
}

#[tokio::test]
async fn an_index_that_was_built_beforehand_is_taken() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let build = "create unique index concurrently events_event_id_key on annals.events (event_id)";
    client.batch_execute(build).await?;

    client.execute(REQUIRE, &[]).await?;

    client.query(APPEND, &[&"account-1"]).await?;
    assert_eq!(sqlstate(&client, APPEND, "account-2").await, "LG008");
    Ok(())
}

#[tokio::test]
async fn of_two_appends_of_one_id_at_the_same_moment_one_is_stored() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, observer, mut client) = (db.store(), db.connect().await?, db.connect().await?);
    observer.execute(REQUIRE, &[]).await?;
    let event = NewEvent::new("a", &())?;
    let to = |stream: &str| Ok::<_, TestFailure>(Append::to(stream.parse()?, [event.clone()]));

    let transaction = client.transaction().await?;
    store.append_in(&transaction, to("account-1")?).await?;
    let second = tokio::spawn({
        let (store, append) = (store.clone(), to("account-2")?.expecting(ExpectedVersion::NoStream));
        async move { store.append(append).await }
    });
    until_waiting(&observer, 1).await?;
    transaction.commit().await?;

    let refused = second.await?;
    assert!(matches!(refused, Err(AppendError::DuplicateEventId(id)) if id == event.id), "{refused:?}");
    assert_eq!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 1);
    Ok(())
}
