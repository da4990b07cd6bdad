//! SQL is a public API: the same log from every language, with SQLSTATEs and details of its own.

use annals_devdb::TestResult;
use annals_eventstore::{
    Append, EventStore, ExpectedVersion, GlobalPosition, IdempotencyKey, LogQuery, NewEvent, StreamQuery,
    Version,
};
use serde_json::{Value, json};
use tokio_postgres::Client;
use tokio_postgres::error::DbError;

use crate::support::TestDb;

const ONE: &str = r#"[{"type": "noted", "data": {"n": 1}}]"#;

async fn refused(client: &Client, sql: &str) -> DbError {
    let error = client.query(sql, &[]).await.expect_err(sql);
    error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}")).clone()
}

fn detail(error: &DbError) -> Value {
    serde_json::from_str(error.detail().unwrap_or("null")).expect("the detail is JSON")
}

#[tokio::test]
async fn an_append_in_sql_answers_with_versions_and_positions() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let sql = "select from_version, to_version, from_position, to_position, already_applied
               from annals.append($1, $2, $3::text::json, $4)";
    let two = r#"[{"type": "a", "data": 1}, {"type": "b", "data": {"x": [1.50]}, "schema_version": 3,
                 "id": "0191e4a0-0000-7000-8000-000000000001", "metadata": {"actor": "me"}}]"#;

    let first = client.query_one(sql, &[&"account-1", &0_i64, &two, &"key 1"]).await?;
    let again = client.query_one(sql, &[&"account-1", &0_i64, &two, &"key 1"]).await?;

    let receipt = |row: &tokio_postgres::Row| -> (i64, i64, i64, i64) {
        (row.get(0), row.get(1), row.get(2), row.get(3))
    };
    assert_eq!(receipt(&first), (1, 2, 1, 2));
    assert_eq!(receipt(&again), receipt(&first));
    assert_eq!((first.get::<_, bool>(4), again.get::<_, bool>(4)), (false, true));

    let events = db.store().read_stream(&"account-1".parse()?, StreamQuery::forward()).await?;
    assert_eq!(events[1].data.as_str(), r#"{"x": [1.50]}"#, "verbatim");
    assert_eq!(events[1].schema_version.get(), 3);
    assert_eq!(events[1].metadata().actor.as_deref(), Some("me"));
    assert_eq!(events[1].id.to_string(), "0191e4a0-0000-7000-8000-000000000001");
    Ok(())
}

#[tokio::test]
async fn a_wrong_version_tells_stream_expected_and_actual() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.query(&format!("select annals.append('account-1', 0, '{ONE}')"), &[]).await?;

    for (stream, expected, actual) in
        [("account-1", 0, 1), ("account-1", 7, 1), ("account-2", 1, 0), ("account-2", -4, 0)]
    {
        let error = refused(&client, &format!("select annals.append('{stream}', {expected}, '{ONE}')")).await;
        assert_eq!(error.code().code(), "LG001");
        assert_eq!(detail(&error), json!({"stream": stream, "expected": expected, "actual": actual}));
    }
    Ok(())
}

#[tokio::test]
async fn every_malformed_call_has_its_sqlstate_and_stores_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let calls = [
        ("LG004", format!("'a', null, '{ONE}'")),
        ("LG004", format!("'a', -1, '{ONE}'")),
        ("LG004", format!("'a', -3, '{ONE}'")),
        ("LG004", format!("'a', -9223372036854775808, '{ONE}'")),
        ("LG004", "'a', -2, null".to_owned()),
        ("LG004", "'a', -2, '[]'".to_owned()),
        ("LG004", "'a', -2, '{}'".to_owned()),
        ("LG004", "'a', -2, '[1]'".to_owned()),
        ("LG004", "'a', -2, '[null]'".to_owned()),
        ("LG004", r#"'a', -2, '[{"data": 1}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a"}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": 5, "data": 1}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "", "data": 1}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "$a", "data": 1}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a\nb", "data": 1}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "metdata": {}}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "metadata": 7}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "id": "x"}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "schema_version": 0}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "schema_version": 99999999999}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": "\u0000"}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": {"\u0000": 1}}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": "\ud800"}]'"#.to_owned()),
        ("LG004", r#"'a', -2, '[{"type": "a", "data": 1, "metadata": {"x": "\u0000"}}]'"#.to_owned()),
        ("LG004", format!(r#"'a', -2, '[{{"type": "a", "data": {deep}}}]'"#)),
        ("LG005", format!("null, -2, '{ONE}'")),
        ("LG005", format!("'', -2, '{ONE}'")),
        ("LG005", format!("'$all', -2, '{ONE}'")),
        ("LG005", format!("' a', -2, '{ONE}'")),
        ("LG005", format!("e'a\\nb', -2, '{ONE}'")),
        ("LG005", format!("repeat('x', 256), -2, '{ONE}'")),
        (
            "LG008",
            r#"'a', -2, '[{"type": "a", "data": 1, "id": "0191e4a0-0000-7000-8000-000000000001"},
                          {"type": "b", "data": 1, "id": "0191e4a0-0000-7000-8000-000000000001"}]'"#
                .to_owned(),
        ),
    ];

    for (sqlstate, arguments) in &calls {
        let error = refused(&client, &format!("select annals.append({arguments})")).await;
        assert_eq!(error.code().code(), *sqlstate, "{arguments}: {}", error.message());
    }

    let rows = client.query_one("select count(*) from annals.streams", &[]).await?.get::<_, i64>(0);
    assert_eq!(rows, 0, "nothing was stored");
    println!("sql api: {} malformed calls refused", calls.len());
    Ok(())
}

#[tokio::test]
async fn json_that_only_looks_dangerous_is_taken_verbatim() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let nested = format!("{}{}", "[".repeat(98), "]".repeat(98));
    let taken = [
        r#""\\u0000""#.to_owned(),
        r#""\ud83d\ude00""#.to_owned(),
        "1e400".to_owned(),
        "18446744073709551615".to_owned(),
        r#"{"b": 1,  "a": 0.10}"#.to_owned(),
        nested,
        format!("[{}]", ["[]"; 300].join(",")),
        r#"["[[[[[[", "\"[[["]"#.to_owned(),
    ];

    for (version, data) in (1_i64..).zip(&taken) {
        let events = format!(r#"[{{"type": "a", "data": {data}}}]"#);
        let sql = "select data::text from annals.append('a', -2, $1::text::json) as r,
                   lateral annals.read_stream('a', r.from_version)";
        client.query(sql, &[&events]).await?;
        let stored: String =
            client.query_one("select data::text from annals.read_stream('a', $1)", &[&version]).await?.get(0);
        assert_eq!(&stored, data);
    }
    Ok(())
}

#[tokio::test]
async fn a_key_used_for_something_else_and_a_tombstone_have_their_sqlstates() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.query(&format!("select annals.append('account-1', -2, '{ONE}', 'key 1')"), &[]).await?;
    client.execute("update annals.streams set tombstoned_at = now()", &[]).await?;

    let other = r#"[{"type": "noted", "data": {"n": 2}}]"#;
    let reused =
        refused(&client, &format!("select annals.append('account-1', -2, '{other}', 'key 1')")).await;
    let tombstoned = refused(&client, &format!("select annals.append('account-1', -2, '{other}')")).await;

    assert_eq!(reused.code().code(), "LG003");
    assert_eq!(tombstoned.code().code(), "LG002");
    assert_eq!(detail(&tombstoned), json!({"stream": "account-1"}));
    Ok(())
}

#[tokio::test]
async fn the_log_is_refused_where_one_snapshot_would_serve_all_questions() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;

    for isolation in ["repeatable read", "serializable"] {
        client.batch_execute(&format!("begin isolation level {isolation}")).await?;
        let error = refused(&client, "select * from annals.read_all()").await;
        client.batch_execute("rollback").await?;
        assert_eq!(error.code().code(), "LG006", "{isolation}");
    }
    // A default of the session reaches neither the library's own connections nor the function's check.
    client.batch_execute("set default_transaction_isolation = 'repeatable read'").await?;
    assert_eq!(refused(&client, "select annals.head()").await.code().code(), "LG006");
    Ok(())
}

#[tokio::test]
async fn the_library_reads_and_appends_under_a_hostile_default_isolation() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let name: String = client.query_one("select current_database()::text", &[]).await?.get(0);
    let hostile = format!("alter database \"{name}\" set default_transaction_isolation = 'serializable'");
    client.batch_execute(&hostile).await?;

    let store = annals_eventstore::PostgresStore::connect(db.url()).await?;
    store.append(Append::to("account-1".parse()?, [NewEvent::new("a", &())?])).await?;

    assert_eq!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 1);
    Ok(())
}

#[tokio::test]
async fn keys_are_hashed_alike_in_rust_and_in_sql() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    let texts = [
        "",
        "transfer 7",
        "ä",
        "0191e4a0-0000-7000-8000-00000000000A",
        "0191e4a0000070008000000000000001",
        "{0191e4a0-0000-7000-8000-000000000001}",
        "urn:uuid:0191e4a0-0000-7000-8000-000000000001",
        "0191e4a0-0000-7000-8000-00000000000g",
    ];

    for text in texts {
        let sql: uuid::Uuid =
            client.query_one("select annals.idempotency_key_of($1)", &[&text]).await?.get(0);
        assert_eq!(IdempotencyKey::from(text).as_uuid(), sql, "{text:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_deleted_stream_begins_again_and_its_versions_go_on() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let stream = "account-1".parse()?;
    let event = || NewEvent::new("a", &());
    store.append(Append::to("account-1".parse()?, [event()?, event()?])).await?;
    client.execute("update annals.streams set first_version = version + 1", &[]).await?;

    let read = store.read_stream(&stream, StreamQuery::forward()).await;
    let exists = Append::to("account-1".parse()?, [event()?]).expecting(ExpectedVersion::StreamExists);
    let stale = Append::to("account-1".parse()?, [event()?]).expecting(Version::FIRST.next());
    let again = Append::to("account-1".parse()?, [event()?]).expecting(ExpectedVersion::NoStream);

    assert!(matches!(read, Err(annals_eventstore::ReadError::StreamNotFound(_))), "{read:?}");
    assert!(store.append(exists).await.is_err_and(|error| error.is_conflict()));
    assert!(store.append(stale).await.is_err_and(|error| error.is_conflict()));
    let appended = store.append(again.clone()).await?;
    assert_eq!(appended.from_version.get(), 3);
    assert!(store.append(again).await?.already_applied, "the same events again");
    assert_eq!(store.read_stream(&stream, StreamQuery::forward()).await?.len(), 1);
    Ok(())
}
