//! What stands for the parameters of a statement.

use annals_eventstore::{EventId, SchemaVersion, Version};
use chrono::DateTime;

use super::*;

fn event(data: &str, metadata: Option<&str>) -> RecordedEvent {
    RecordedEvent {
        position: 42_i64.try_into().unwrap(),
        stream: "account-\"7\"".parse().unwrap(),
        version: Version::try_from(3).unwrap(),
        id: EventId::from("0193700a-7b2c-7def-8abc-0123456789ab".parse::<uuid::Uuid>().unwrap()),
        event_type: "money-deposited".parse().unwrap(),
        schema_version: SchemaVersion::FIRST,
        data: Payload::from_json(data).unwrap(),
        raw_metadata: metadata.map(|json| Payload::from_json(json).unwrap()),
        recorded_at: DateTime::from_timestamp(1_764_279_000, 123_456_000).unwrap(),
    }
}

fn value(event: &RecordedEvent, parameter: &str, wanted: Type) -> Result<Option<String>, ValueError> {
    let values = values(event, &[parameter.parse().unwrap()], &[wanted], "a.sql")?;
    Ok(values.into_iter().next().expect("one for each parameter").0)
}

#[test]
fn an_event_gives_what_stands_around_its_data() {
    let event = event("{}", Some(r#"{"actor": "teller 7"}"#));
    for (parameter, wanted, text) in [
        (":stream", Type::TEXT, "account-\"7\""),
        (":stream", Type::JSONB, r#""account-\"7\"""#),
        (":position", Type::INT8, "42"),
        (":version", Type::INT4, "3"),
        (":type", Type::TEXT, "money-deposited"),
        (":recorded_at", Type::TIMESTAMPTZ, "2025-11-27T21:30:00.123456Z"),
        (":event_id", Type::UUID, "0193700a-7b2c-7def-8abc-0123456789ab"),
        (":metadata.actor", Type::TEXT, "teller 7"),
        (":metadata", Type::JSON, r#"{"actor": "teller 7"}"#),
    ] {
        assert_eq!(value(&event, parameter, wanted).unwrap().as_deref(), Some(text), "{parameter}");
    }
}

#[test]
fn what_is_missing_is_null() {
    let event = event(r#"{"a": null, "b": {}}"#, None);
    for parameter in [":data.a", ":data.b.c", ":data.a.b", ":data.x", ":metadata", ":metadata.actor"] {
        assert_eq!(value(&event, parameter, Type::INT8).unwrap(), None, "{parameter}");
    }
}

#[test]
fn what_does_not_fit_is_told_with_event_parameter_type_and_value() {
    let event = event(&format!(r#"{{"amount": "{}"}}"#, "long ".repeat(40)), None);

    let error = value(&event, ":data.amount", Type::INT8).expect_err("it is no number");

    let told = error.to_string();
    assert!(told.starts_with("event at position 42: :data.amount is no int8: \"long long"), "{told}");
    assert!(told.ends_with("… (a.sql)") && told.len() < 200, "{told}");
}
