//! Payloads and metadata: kept to the byte, or refused.

use serde_json::{Map, Value, json};

use crate::append::{Append, AppendError};
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{counted, stream, whole_stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::transaction::{OpenTransaction, sqlstate_of};
use crate::event::{EventType, NewEvent, SchemaVersion};
use crate::event_id::EventId;
use crate::metadata::{CorrelationId, Metadata};
use crate::payload::{InvalidPayload, Payload};
use crate::read::{ReadError, StreamQuery};
use crate::store::EventStore;

const TEXTS: [&str; 7] = [
    "grüße, 日本語, עברית, नमस्ते",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "e\u{301} is not é",
    "\u{feff}\u{200b}\u{fffd}\u{ffff}\u{10ffff}",
    "quotes ' \" ` $$ $1 %s \\ \\\\ {} ; --",
    "\u{1}\u{8}\t\r\n\u{1f}\u{7f}\u{80}",
    "",
];

const JSON_TEXTS: [&str; 8] = [
    "null",
    r#" { "b" : 1 , "a" : [ 1.0, 1.00, 1e2, -0, 0.1e-7 ] } "#,
    r#"{"amount":123456789012345678901234567890.10}"#,
    "1e400",
    r#""\u00e4 \\u0000 \/ \ud83d\ude00""#,
    r#"{"":{"":[[],{}]}}"#,
    "[\n\t1,\r\n\t2\n]",
    "18446744073709551615",
];

/// 16: data, types and stream names of any script come back to the byte: number formats, white space,
/// escapes and the order of keys included.
pub async fn what_is_stored_comes_back_to_the_byte<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let name = stream("konto-ä-日本-🏦 'x' \"y\" \\z %_");
    let event_type = EventType::new("geändert/変更 'x' \"y\" \\z")?;
    let bytes: Vec<u8> = (0..=255).collect();
    let mut payloads = vec![Payload::encode(&bytes)?, Payload::encode(&"x".repeat(1 << 20))?];
    for text in TEXTS {
        payloads.push(Payload::encode(&json!({ text: text }))?);
    }
    for json in JSON_TEXTS {
        payloads.push(Payload::from_json(json)?);
    }
    let events = payloads.iter().map(|data| NewEvent::of(event_type.clone(), data.clone()));

    let appended = store.append(Append::to(name.clone(), events)).await?;

    let from_stream = whole_stream(&store, &name).await?;
    let from_log = log_up_to(&store, appended.to_position).await?;
    for recorded in [&from_stream, &from_log] {
        ensure_eq!(recorded.len(), payloads.len(), "events read");
        for (event, data) in recorded.iter().zip(&payloads) {
            ensure_eq!(event.data.as_str(), data.as_str(), "data");
            ensure_eq!(event.event_type, event_type, "event type");
            ensure_eq!(event.stream, name, "stream name");
        }
    }
    Ok(())
}

/// 16: the character NUL, which PostgreSQL cannot keep, is refused by a typed error, in data and metadata.
pub async fn a_nul_character_is_refused_by_name<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for refused in [NewEvent::new("noted", "a\0b"), NewEvent::new("noted", &json!({"a\0b": 1}))] {
        let told = refused.err().map(CaseFailure::from).map(|refused| refused.to_string());
        ensure!(told.as_ref().is_some_and(|told| told.contains("u0000")), "NUL in data: {told:?}");
    }
    let metadata = [
        Metadata { actor: Some("a\0b".into()), ..Metadata::default() },
        Metadata { correlation_id: Some(CorrelationId::new("\0")), ..Metadata::default() },
        Metadata { headers: Map::from_iter([("a\0".into(), Value::Null)]), ..Metadata::default() },
    ];

    for metadata in metadata {
        let told = format!("{metadata:?}");
        let events = [counted(1), counted(2), counted(3).with_metadata(metadata)];
        let refused = store.append(Append::to(stream("thing-1"), events)).await;
        let index = ensure_matches!(
            refused,
            Err(AppendError::InvalidPayload { index, source: InvalidPayload::Unreadable(_) }) => index,
            "{told}"
        );
        ensure_eq!(index, 2, "{told}: index of the event that is named");
    }

    let missing = store.read_stream(&stream("thing-1"), StreamQuery::forward()).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream afterwards");
    Ok(())
}

/// 16: in SQL, too, what some reader would choke on is refused: NUL, lone surrogates, deep nesting.
pub async fn unreadable_json_is_refused_in_sql<H: SqlHarness>(harness: &H) -> CaseResult {
    let client = harness.connect().await?;
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let append = format!("select from {}.append($1, -2, $2::text::json)", harness.schema());

    for data in [r#""\u0000""#, r#"{"\u0000":1}"#, r#""\ud800""#, r#"{"a":["\udc00"]}"#, &deep] {
        let events = format!(r#"[{{"type":"noted","data":1}},{{"type":"noted","data":{data}}}]"#);
        let Err(refused) = client.execute(&append, &[&"thing-1", &events]).await else {
            return Err(CaseFailure::new(format!("annals.append took {data}")));
        };
        ensure_eq!(sqlstate_of(&refused), "LG004", "{data}");
    }

    let missing = harness.store().stream_info(&stream("thing-1")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream afterwards");
    Ok(())
}

/// 19: metadata, correlation and causation come back as they went; an event without any has none.
pub async fn metadata_is_kept_and_may_be_absent<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let full = Metadata {
        correlation_id: Some(CorrelationId::new("order-1 ä")),
        causation_id: Some(EventId::new().into()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        actor: Some("teller".into()),
        headers: Map::from_iter([("tenant".into(), json!({"id": [7, null]})), ("z".into(), Value::Null)]),
    };
    let correlated = Metadata { correlation_id: Some(CorrelationId::new("c")), ..Metadata::default() };
    let headed = Metadata { headers: Map::from_iter([("a".into(), json!(1))]), ..Metadata::default() };
    let metadata = [full, Metadata::default(), correlated, Metadata::default(), headed];
    let schema_version = SchemaVersion::try_from(3)?;
    let events = metadata
        .iter()
        .enumerate()
        .map(|(n, metadata)| counted(n).with_metadata(metadata.clone()).with_schema_version(schema_version));

    let appended = store.append(Append::to(stream("thing-1"), events)).await?;

    let from_stream = whole_stream(&store, &stream("thing-1")).await?;
    ensure_eq!(log_up_to(&store, appended.to_position).await?, from_stream, "events from the log");
    for (event, metadata) in from_stream.iter().zip(&metadata) {
        ensure_eq!(event.metadata(), *metadata, "metadata");
        ensure_eq!(event.raw_metadata.is_none(), metadata.is_empty(), "absence of {:?}", event.raw_metadata);
        ensure_eq!(event.schema_version, schema_version, "schema version");
    }
    Ok(())
}

/// 19: what SQL writes, Rust reads: absent parts have their defaults, present ones are kept.
pub async fn events_appended_in_sql_read_like_others<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let transaction = OpenTransaction::begin(harness).await?;
    let id = EventId::new();
    let events = format!(
        r#"[{{"type":"noted","data":{{"b": 1.0,"a":[]}}}},
            {{"type":"noted","data":null,"id":"{id}","schema_version":2,"metadata":{{"actor":"cron","x":1}}}}]"#
    );

    let appended = transaction.append_json("thing-1", &events).await?;
    transaction.commit().await?;

    let recorded = log_up_to(&store, appended.to_position).await?;
    ensure_eq!(recorded.len(), 2, "events in the log");
    let (first, second) = (&recorded[0], &recorded[1]);
    ensure_eq!(first.data.as_str(), r#"{"b": 1.0,"a":[]}"#, "data, verbatim");
    ensure_eq!(first.schema_version, SchemaVersion::FIRST, "schema version that was not given");
    ensure_eq!(first.raw_metadata, None, "metadata that was not given");
    ensure!(first.id != second.id, "an event without an id got none of its own");
    ensure_eq!(second.id, id, "id");
    ensure_eq!(second.schema_version.get(), 2, "schema version");
    ensure_eq!(second.data.as_str(), "null", "data that is null");
    ensure_eq!(second.metadata().actor.as_deref(), Some("cron"), "actor");
    ensure_eq!(second.metadata().headers.get("x"), Some(&json!(1)), "header");
    Ok(())
}
