//! What stands in an event arrives in the table to the last digit, in the type of its column.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, EventStore, EventType, GlobalPosition, LogQuery, NewEvent, Payload, RecordedEvent,
};
use annals_projections::sql_projection::{ApplyError, SqlHandlers};
use tokio_postgres::Client;

use crate::support::{SqlFolder, TestDb};

/// A column of every type that values are checked for.
const TABLE: &str = "
    create domain cents as bigint;
    create type mood as enum ('glad', 'sad');
    create table v (
        n int, t text, i2 int2, i4 int4, i8 int8, d numeric, f4 float4, f8 float8, b bool, u uuid, at timestamptz, l timestamp,
        day date, j json, jb jsonb, by bytea, ts text[], ns numeric[], js jsonb[], c cents, m mood, ip inet
    );";

const INSERT: &str = "
    insert into v values (1, :data.t, :data.i2, :data.i4, :data.i8, :data.d, :data.f4, :data.f8, :data.b, :data.u,
        :data.at, :data.l, :data.day, :data.j, :data.jb, :data.by, :data.ts, :data.ns, :data.js, :data.c, :data.m, :data.ip)";

const DATA: &str = r#"{
    "t": "it's \"\\ \n名", "i2": -32768, "i4": 2147483647, "i8": 9223372036854775807,
    "d": 18446744073709551616.000000000000000000010, "f4": 1.5, "f8": 1e308, "b": true,
    "u": "0193700a-7b2c-7def-8abc-0123456789ab", "at": "2026-11-27T21:30:00.123456+01:00",
    "l": "2026-11-27T21:30:00.5", "day": "2024-02-29", "j": {"b": 1.10, "a": [1e2]}, "jb": {"b": 1.10, "b": 2},
    "by": "\\x00ff", "ts": ["a,b", "{\"\\", null, "NULL"], "ns": [0.10, 1e3], "js": [{"a": "\""}, "x"],
    "c": 5, "m": "sad", "ip": "10.0.0.1"
}"#;

const TEXTS: &str = "
    select t, i2::text, i4::text, i8::text, d::text, f4::text, f8::text, b::text, u::text,
        (at at time zone 'UTC')::text, l::text, day::text, j::text, jb::text, by::text, ts::text, ns::text, js::text,
        c::text, m::text, host(ip)
    from every_type.v";

fn folder() -> Result<SqlFolder, TestFailure> {
    let toml = "name = \"every_type\"\nversion = 1\n[events]\nhappened = \"happened.sql\"\n";
    Ok(SqlFolder::of(&[("projection.toml", toml), ("setup.sql", TABLE), ("happened.sql", INSERT)])?)
}

async fn recorded(db: &TestDb, data: &str) -> Result<Vec<RecordedEvent>, TestFailure> {
    let event = NewEvent::of(EventType::new("happened")?, Payload::from_json(data)?);
    let appended = db.store().append(Append::to("a-1".parse()?, [event])).await?;
    let log = db.store().read_log(LogQuery::after(GlobalPosition::START).limit(1000)).await?;
    Ok(log.events.into_iter().filter(|event| event.position == appended.to_position).collect())
}

async fn applied(
    client: &mut Client,
    handlers: &SqlHandlers,
    events: &[RecordedEvent],
) -> Result<(), ApplyError> {
    let transaction = client.transaction().await?;
    handlers.apply(&transaction, events).await?;
    Ok(transaction.commit().await?)
}

async fn row(client: &Client) -> Result<Vec<Option<String>>, TestFailure> {
    let row = client.query_one(TEXTS, &[]).await?;
    Ok((0..row.len()).map(|column| row.get(column)).collect())
}

#[tokio::test]
async fn values_arrive_to_the_last_digit_whatever_the_session_is_set_to() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client
        .batch_execute("set datestyle = 'SQL, DMY'; set timezone = 'Asia/Tokyo'; set extra_float_digits = 0")
        .await?;
    let projection = folder()?.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;
    let data = DATA.replace(r#", "b": 2}"#, "}");

    applied(&mut client, &handlers, &recorded(&db, &data).await?).await?;

    client.batch_execute("set datestyle = 'ISO'; set extra_float_digits = 1").await?;
    let texts: Vec<String> = row(&client).await?.into_iter().flatten().collect();
    let expected = [
        "it's \"\\ \n名",
        "-32768",
        "2147483647",
        "9223372036854775807",
        "18446744073709551616.000000000000000000010",
        "1.5",
        "1e+308",
        "true",
        "0193700a-7b2c-7def-8abc-0123456789ab",
        "2026-11-27 20:30:00.123456",
        "2026-11-27 21:30:00.5",
        "2024-02-29",
        r#"{"b": 1.10, "a": [1e2]}"#,
        r#"{"b": 1.10}"#,
        "\\x00ff",
        r#"{"a,b","{\"\\",NULL,"NULL"}"#,
        "{0.10,1000}",
        r#"{"{\"a\": \"\\\"\"}","\"x\""}"#,
        "5",
        "sad",
        "10.0.0.1",
    ];
    assert_eq!(texts, expected);
    Ok(())
}

#[tokio::test]
async fn missing_fields_are_null() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let projection = folder()?.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;

    applied(&mut client, &handlers, &recorded(&db, r#"{"t": null}"#).await?).await?;

    assert!(row(&client).await?.iter().all(Option::is_none));
    Ok(())
}

#[tokio::test]
async fn what_fits_no_column_is_told_before_the_server_sees_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let projection = folder()?.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;

    for (data, told) in [
        (r#"{"i4": 2147483648}"#, ":data.i4 is no int4: 2147483648"),
        (r#"{"c": 1.5}"#, ":data.c is no"),
        (r#"{"m": "angry"}"#, ":data.m is no mood: \"angry\""),
        (r#"{"at": "now"}"#, ":data.at is no timestamptz: \"now\""),
        (r#"{"ns": [1, "x"]}"#, ":data.ns is no _numeric: [1, \"x\"]"),
    ] {
        let events = recorded(&db, data).await?;
        let error = applied(&mut client, &handlers, &events).await.expect_err(data);
        assert!(matches!(error, ApplyError::Value(_)), "{error:?}");
        let begin = format!("event at position {}: {told}", events[0].position);
        assert!(error.to_string().starts_with(&begin), "{error}");
    }

    // Of types that are not known here the server judges.
    let error = applied(&mut client, &handlers, &recorded(&db, r#"{"ip": "nowhere"}"#).await?).await;
    let error = error.expect_err("it is no address");
    assert!(matches!(error, ApplyError::Statement { .. }), "{error:?}");
    assert!(error.to_string().contains("invalid input syntax for type inet: \"nowhere\""), "{error}");
    Ok(())
}

/// Texts that a scanner could lose its place in, and what the server makes of each.
const TEXTS_WITH_COLONS: &[(&str, &str)] = &[
    ("'a'':data.x'", "a':data.x"),
    (r"'a\' || ':data.x'", r"a\:data.x"),
    (r"E'a\':data.x'", "a':data.x"),
    ("e'a' -- :data.x '\n  '\\':data.x'", "a':data.x"),
    ("'a'\n  ':data.x'", "a:data.x"),
    ("U&'\\0041:data.x'", "A:data.x"),
    ("U&'!0041:data.x' uescape '!'", "A:data.x"),
    ("$$:data.x ' $a$ $$", ":data.x ' $a$ "),
    ("$ä$ $$:data.x$$ $ä$", " $$:data.x$$ "),
    ("'a' /* ' /* :data.x */ \" */ || 'b'", "ab"),
    ("'a' -- ' :data.x\n || 'b'", "ab"),
    ("'a'::text||'::text'", "a::text"),
    ("('{1,2,3}'::int[])[1:2]::text", "{1,2}"),
    ("(select \":data.x\" from (select 'a' as \":data.x\") as b)", "a"),
    ("(select a$b from (select 'a' as a$b) as c)", "a"),
    ("coalesce(:data.text,'b')", "of the event"),
    ("case when 1<:data.number then 'a' else 'b' end", "a"),
    (":data.text/**/||'b'--", "of the eventb"),
];

#[tokio::test]
async fn the_server_reads_a_text_as_it_was_cut() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client.batch_execute("set standard_conforming_strings = off; set escape_string_warning = off").await?;
    let events = recorded(&db, r#"{"text": "of the event", "number": 7}"#).await?;

    for (text, read) in TEXTS_WITH_COLONS {
        let folder = SqlFolder::with(&format!("insert into rows (number, said) select 1, {text}"))?;
        let projection = folder.load()?;
        projection.set_up(&mut client).await?;
        let handlers = SqlHandlers::prepare(&mut client, projection).await?;
        applied(&mut client, &handlers, &events).await?;
        let said: String = client.query_one("select said from rows.rows", &[]).await?.get(0);
        assert_eq!(said, *read, "{text}");
        client.batch_execute("drop schema rows cascade").await?;
    }
    Ok(())
}
