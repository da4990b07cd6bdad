use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::codec::Event;
use crate::position::GlobalPosition;
use crate::version::Version;

fn recorded_at(version: i32, event_type: &str, data: &str) -> RecordedEvent {
    RecordedEvent {
        position: GlobalPosition::START,
        stream: "told-1".parse().unwrap(),
        version: Version::FIRST,
        id: crate::event_id::EventId::new(),
        event_type: EventType::recorded(event_type),
        schema_version: SchemaVersion::recorded(version),
        data: Payload::recorded(data),
        raw_metadata: None,
        recorded_at: chrono::Utc::now(),
    }
}

fn read_as<E: Event>(event_type: &str, data: &str) -> Result<E, DecodeError> {
    Ok(E::decode(&recorded_at(1, event_type, data))?.only().expect("one event"))
}

/// Says that an event is written as this data, and read from it.
fn stands_as<E: Event + PartialEq + std::fmt::Debug>(event: E, data: &str) {
    let written = event.encode().unwrap();
    assert_eq!(written.data.as_str(), data);
    let (event_type, version) = (written.event_type.as_str(), written.schema_version.get());
    assert_eq!(E::decode(&recorded_at(version, event_type, data)).unwrap().only(), Some(event));
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = crate)]
#[serde(rename_all_fields = "camelCase")]
enum Parcel {
    #[event(name = "parcel-packed")]
    Packed {
        item_count: u32,
        #[serde(rename = "packer")]
        packed_by: String,
        #[serde(default, skip_serializing_if = "is_default")]
        gift_for: String,
    },
    #[event(name = "parcel-sent")]
    #[serde(rename_all = "SCREAMING-KEBAB-CASE", deny_unknown_fields)]
    Sent { sent_by: String },
    #[event(name = "parcel-weighed")]
    Weighed(#[serde(with = "in_grams")] Kilograms),
    #[event(name = "parcel-measured")]
    Measured {
        #[serde(serialize_with = "rounded", deserialize_with = "in_grams::deserialize")]
        weight: Kilograms,
        #[serde(flatten)]
        size: Size,
    },
    #[event(name = "parcel-lost")]
    Lost,
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = crate, name = "label-printed")]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LabelPrinted {
    printed_by: String,
}

#[derive(Debug, PartialEq, Event)]
#[event(crate = crate, name = "scale-read")]
struct ScaleRead(#[serde(with = "in_grams")] Kilograms);

#[derive(Debug, PartialEq)]
struct Kilograms(u64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Size {
    width: u32,
    height: u32,
}

mod in_grams {
    use super::*;

    pub(super) fn serialize<S: Serializer>(weight: &Kilograms, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(weight.0 * 1_000)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kilograms, D::Error> {
        Ok(Kilograms(u64::deserialize(deserializer)? / 1_000))
    }
}

trait Grams {
    fn grams(&self) -> u64;
}

impl Grams for Kilograms {
    fn grams(&self) -> u64 {
        self.0 * 1_000
    }
}

/// Generic: it takes the type of the field, and no reference to it has these traits.
fn rounded<T: Grams, S: Serializer>(weight: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(weight.grams())
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[test]
fn what_serde_is_told_of_an_enum_a_variant_a_struct_or_a_field_holds() {
    let packed =
        |gift_for: &str| Parcel::Packed { item_count: 2, packed_by: "Ada".into(), gift_for: gift_for.into() };
    stands_as(packed(""), r#"{"itemCount":2,"packer":"Ada"}"#);
    stands_as(packed("Bo"), r#"{"itemCount":2,"packer":"Ada","giftFor":"Bo"}"#);
    stands_as(Parcel::Sent { sent_by: "Ada".into() }, r#"{"SENT-BY":"Ada"}"#);
    stands_as(LabelPrinted { printed_by: "Ada".into() }, r#"{"printed-by":"Ada"}"#);
    stands_as(Parcel::Weighed(Kilograms(3)), "3000");
    stands_as(ScaleRead(Kilograms(3)), "3000");
    let measured = Parcel::Measured { weight: Kilograms(3), size: Size { width: 1, height: 2 } };
    stands_as(measured, r#"{"weight":3000,"width":1,"height":2}"#);
}

#[test]
fn unknown_fields_are_passed_over_unless_serde_is_told_to_deny_them() {
    assert!(read_as::<Parcel>("parcel-packed", r#"{"itemCount": 2, "packer": "Ada", "new": 1}"#).is_ok());
    assert!(read_as::<Parcel>("parcel-sent", r#"{"SENT-BY": "Ada", "new": 1}"#).is_err());
    assert!(read_as::<LabelPrinted>("label-printed", r#"{"printed-by": "Ada", "new": 1}"#).is_err());
}

#[test]
fn what_holds_nothing_is_written_as_an_object_and_can_gain_a_field() {
    #[derive(Debug, PartialEq, Event)]
    #[event(crate = crate, name = "parcel-lost")]
    struct Lost;

    #[derive(Debug, PartialEq, Event)]
    #[event(crate = crate, name = "parcel-lost")]
    struct LostSomewhere {
        #[serde(default)]
        place: String,
    }

    stands_as(Parcel::Lost, "{}");
    stands_as(Lost, "{}");
    let (nowhere, attic) = (String::new(), "attic".to_owned());
    assert_eq!(read_as::<LostSomewhere>("parcel-lost", "{}").unwrap(), LostSomewhere { place: nowhere });
    let written = LostSomewhere { place: attic }.encode().unwrap();
    assert_eq!(read_as::<Lost>("parcel-lost", written.data.as_str()).unwrap(), Lost);
}

#[test]
fn what_holds_nothing_is_read_from_an_object_or_null_and_nothing_else() {
    for data in ["{}", "null", r#"{"place": "attic"}"#] {
        assert_eq!(read_as::<Parcel>("parcel-lost", data).unwrap(), Parcel::Lost, "{data}");
    }
    for data in ["1", r#""attic""#, "[1]", "true"] {
        assert!(read_as::<Parcel>("parcel-lost", data).is_err(), "{data}");
    }
}

#[test]
fn data_of_another_shape_names_the_event() {
    let refused = read_as::<Parcel>("parcel-sent", "5").unwrap_err().source.to_string();
    assert_eq!(refused, "invalid type: integer `5`, expected the data of parcel-sent at line 1 column 1");
}

/// Names that generated code might have thought its own.
mod names_of_the_user {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Read(u32);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Written(u32);

    #[derive(Debug, PartialEq, Event)]
    #[event(crate = crate, retired(name = "heard", version = 2, upcast = [one], into = recorded))]
    pub(super) enum Heard {
        #[event(name = "read", version = 2, upcast = [data])]
        Read { data: Read, recorded: Written, one: Option<Read>, event: u8, r#type: u8 },
        #[event(name = "written")]
        Written(Written),
    }

    #[derive(Debug, PartialEq, Event)]
    #[event(crate = crate, name = "data", version = 2, upcast = [step])]
    pub(super) struct Data {
        data: Read,
        recorded: Written,
    }

    fn data(old: u32) -> serde_json::Value {
        serde_json::json!({"data": old, "recorded": old, "one": old, "event": 0, "type": 1})
    }

    fn step(old: u32) -> serde_json::Value {
        serde_json::json!({"data": old, "recorded": old})
    }

    fn one(old: u32) -> u32 {
        old + 1
    }

    fn recorded(old: u32) -> [Heard; 1] {
        [Heard::Written(Written(old))]
    }

    #[test]
    fn types_fields_and_functions_keep_their_names_from_generated_code() {
        let read =
            Heard::Read { data: Read(1), recorded: Written(1), one: Some(Read(1)), event: 0, r#type: 1 };
        assert_eq!(read_as::<Heard>("read", "1").unwrap(), read);
        stands_as(read, r#"{"data":1,"recorded":1,"one":1,"event":0,"type":1}"#);
        assert_eq!(read_as::<Heard>("heard", "1").unwrap(), Heard::Written(Written(2)));
        stands_as(Heard::Written(Written(2)), "2");
        assert_eq!(read_as::<Data>("data", "1").unwrap(), Data { data: Read(1), recorded: Written(1) });
        stands_as(Data { data: Read(1), recorded: Written(1) }, r#"{"data":1,"recorded":1}"#);
    }
}
