//! Hostile input to appends: kept to the byte, or refused by a typed error that stores nothing.

use std::collections::HashSet;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventStore, EventType, ExpectedVersion, GlobalPosition, InvalidPayload,
    LogQuery, NewEvent, PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX, Payload, PostgresStore, ReadError,
    STREAM_NAME_BYTES_MAX, SchemaVersion, StreamName, StreamNameFault, StreamQuery, Version,
};
use tokio_postgres::error::SqlState;

use crate::support::TestDb;

fn noted(data: Payload) -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::of(EventType::new("noted")?, data))
}

async fn count(store: &PostgresStore) -> Result<usize, ReadError> {
    Ok(store.read_log(LogQuery::after(GlobalPosition::START).limit(1_000)).await?.events.len())
}

#[test]
fn json_that_some_reader_chokes_on_is_no_payload() {
    for json in [
        r#""\u0000""#,
        r#"{"a":[{"\u0000":1}]}"#,
        "\"a\0b\"",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#"{"\ud83d":1}"#,
        r#"{"a":1,"a":2}"#,
        "",
        " ",
        "{",
        "nul",
        "01",
        "1 2",
        "NaN",
        "\u{feff}1",
        "'a'",
        "\"a\nb\"",
    ] {
        let refused = Payload::from_json(json);
        assert!(matches!(refused, Err(InvalidPayload::Unreadable(_))), "{json:?}: {refused:?}");
    }
}

#[tokio::test]
async fn payloads_up_to_the_limits_come_back_to_the_byte_and_beyond_are_refused() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let quoted = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let taken = [
        "\"\"".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        nested(PAYLOAD_DEPTH_MAX),
        quoted(10 << 20),
        quoted(PAYLOAD_BYTES_MAX),
        "18446744073709551615".to_owned(),
        "-9223372036854775809".to_owned(),
        "123456789012345678901234567890.123456789012345678901234567890".to_owned(),
        "1e-400".to_owned(),
        "-0.0e+99999".to_owned(),
    ];

    for json in &taken {
        let append = Append::to("account-1".parse()?, [noted(Payload::from_json(json.as_str())?)?]);
        let at = store.append(append).await?.from_version;
        let only = StreamQuery::forward().from(at).limit(1);
        let stored = store.read_stream(&"account-1".parse()?, only).await?;
        assert!(stored[0].data.as_str() == json, "{json:.60} came back otherwise");
    }

    let (deep, large) = (nested(PAYLOAD_DEPTH_MAX + 1), quoted(PAYLOAD_BYTES_MAX + 1));
    let told = Payload::from_json(deep.as_str());
    assert!(matches!(told, Err(InvalidPayload::TooDeep { depth }) if depth == PAYLOAD_DEPTH_MAX + 1));
    let told = Payload::from_json(large.as_str());
    assert!(matches!(told, Err(InvalidPayload::TooLarge { bytes }) if bytes == PAYLOAD_BYTES_MAX + 1));
    let client = db.connect().await?;
    let sql = "select from annals.append('account-1', -2, json_build_array(json_build_object(
                   'type', 'noted', 'data', $1::text::json)))";
    for json in [&deep, &large] {
        let refused = client.execute(sql, &[json]).await.expect_err("it is over a limit");
        assert_eq!(refused.code().map(SqlState::code), Some("LG004"), "{refused:?}");
    }
    assert_eq!(store.stream_info(&"account-1".parse()?).await?.version.get(), i64::try_from(taken.len())?);
    Ok(())
}

#[tokio::test]
async fn a_hundred_thousand_events_are_stored_by_one_append() -> TestResult {
    const EVENTS: usize = 100_000;
    let db = TestDb::fresh().await?;
    let store = db.store();
    let data = Payload::from_json("{}")?;
    let events = |n: usize| (0..n).map(|_| noted(data.clone())).collect::<Result<Vec<_>, _>>();

    let began = std::time::Instant::now();
    let one = store.append(Append::to("one-1".parse()?, events(EVENTS)?)).await?;
    let to_one = began.elapsed();
    let mut many = AppendMany::new();
    for n in 0..100 {
        many = many.append(format!("many-{n}").parse()?, ExpectedVersion::NoStream, events(EVENTS / 100)?);
    }
    let began = std::time::Instant::now();
    let several = store.append_many(many).await?;
    let to_many = began.elapsed();

    println!("append: {EVENTS} events to one stream in {to_one:?}, to a hundred in {to_many:?}");
    assert_eq!(one.to_version.get(), i64::try_from(EVENTS)?);
    assert!(several.streams.iter().all(|part| part.appended.to_version.get() == 1_000));
    let ends: Vec<_> = several.streams.iter().map(|part| part.appended.to_position).collect();
    assert!(ends.is_sorted(), "positions in the order given");
    let (mut seen, mut after) = (HashSet::new(), GlobalPosition::START);
    while seen.len() < 2 * EVENTS {
        let page = store.read_log(LogQuery::after(after).limit(10_000)).await?;
        assert!(!page.events.is_empty(), "{} events of {}", seen.len(), 2 * EVENTS);
        seen.extend(page.events.iter().map(|event| event.id));
        after = page.settled_to;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_name_of_odd_characters_is_one_stream_or_refused() -> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let longest = "x".repeat(STREAM_NAME_BYTES_MAX);
    let widest = "ä".repeat(STREAM_NAME_BYTES_MAX / 2);
    let taken = [
        "a",
        "A",
        "a-",
        "-a",
        "--",
        "a-b-c",
        "a b",
        "a'b",
        "a\"b",
        "a\\b",
        "a%b",
        "a_b",
        "a;b",
        "a$b",
        "{a,b}",
        "null",
        "(a)",
        "a/b",
        "a.b",
        "é",
        "e\u{301}",
        "ß",
        "ss",
        "ı",
        "I",
        "日本-1",
        "🏦-1",
        "a\u{200b}b",
        "\u{202e}a",
        "\u{ffff}",
        "\u{10ffff}",
        &longest,
        &widest,
    ];
    for name in taken {
        let name: StreamName = name.parse()?;
        let one = Append::to(name.clone(), [noted(Payload::encode(name.as_str())?)?]);
        store.append(one.expecting(ExpectedVersion::NoStream)).await?;
        let many =
            AppendMany::new().append(name.clone(), Version::FIRST, [noted(Payload::encode("again")?)?]);
        assert_eq!(store.append_many(many).await?.streams[0].stream, name);
        let stored = store.read_stream(&name, StreamQuery::forward()).await?;
        assert_eq!(stored.len(), 2, "{name:?} is a stream of its own");
        assert_eq!(stored[0].data.decode::<String>()?, name.as_str());
    }

    let client = db.connect().await?;
    let (too_long, too_wide) =
        ("x".repeat(STREAM_NAME_BYTES_MAX + 1), "ä".repeat(STREAM_NAME_BYTES_MAX / 2 + 1));
    for (name, fault) in [
        ("", StreamNameFault::Empty),
        ("$all", StreamNameFault::Reserved),
        (" a", StreamNameFault::Padded),
        ("a ", StreamNameFault::Padded),
        ("a\nb", StreamNameFault::ControlCharacter),
        ("a\u{7f}", StreamNameFault::ControlCharacter),
        (&too_long, StreamNameFault::TooLong),
        (&too_wide, StreamNameFault::TooLong),
    ] {
        let refused = StreamName::new(name).expect_err(name);
        assert_eq!(refused.fault, fault, "{name:?}");
        let sql = "select from annals.append($1, -2, '[{\"type\": \"a\", \"data\": 1}]')";
        let refused = client.execute(sql, &[&name]).await.expect_err(name);
        assert_eq!(refused.code().map(SqlState::code), Some("LG005"), "{name:?}");
    }
    assert_eq!(count(&store).await?, 2 * taken.len());
    Ok(())
}

#[tokio::test]
async fn at_the_ends_of_their_numbers_appends_are_refused_and_store_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, owner) = (db.store(), db.connect().await?);
    let event = || noted(Payload::encode(&1)?);
    let stream: StreamName = "account-1".parse()?;
    let newest = SchemaVersion::try_from(i32::MAX)?;
    store.append(Append::to(stream.clone(), [event()?.with_schema_version(newest)])).await?;

    // The highest version that can be asked for, of a stream and of none.
    for name in ["account-1", "account-2"] {
        let append = Append::to(name.parse()?, [event()?]).expecting(Version::MAX);
        let refused = store.append(append).await;
        assert!(matches!(refused, Err(AppendError::WrongVersion { .. })), "{refused:?}");
    }
    // A stream and a log that are full.
    owner.execute("update annals.streams set version = 9223372036854775807", &[]).await?;
    for expected in [ExpectedVersion::Any, Version::MAX.into()] {
        let refused = store.append(Append::to(stream.clone(), [event()?]).expecting(expected)).await;
        assert!(matches!(refused, Err(AppendError::Storage(..))), "{refused:?}");
        let many = AppendMany::new().append("a-1".parse()?, ExpectedVersion::Any, [event()?]);
        let refused = store.append_many(many.append(stream.clone(), expected, [event()?])).await;
        assert!(matches!(refused, Err(AppendError::Storage(..))), "{refused:?}");
    }
    owner.query("select setval('annals.events_position_seq', 9223372036854775807)", &[]).await?;
    let refused = store.append(Append::to("account-3".parse()?, [event()?])).await;
    assert!(matches!(refused, Err(AppendError::Storage(..))), "{refused:?}");

    let stored: i64 = owner.query_one("select count(*) from annals.events", &[]).await?.get(0);
    assert_eq!(stored, 1);
    let only = StreamQuery::forward().limit(1);
    assert_eq!(store.read_stream(&stream, only).await?[0].schema_version, newest);
    Ok(())
}
