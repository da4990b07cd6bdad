use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::verb::Ended;
use super::*;
use crate::codec::Event;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Size {
    width: u32,
}

/// Each kind of event, and each kind of field.
#[derive(Debug, PartialEq, Event)]
#[event(
    crate = crate,
    retired(name = "parcel-opened", version = 2, upcast = [same], into = nothing),
    retired(name = "parcel-packed", version = 1, into = nothing)
)]
#[serde(rename_all_fields = "camelCase")]
enum Parcel {
    #[event(name = "parcel-packed", version = 2)]
    Packed {
        item_count: BTreeMap<String, [u8; 4]>,
        #[serde(rename = "packer")]
        packed_by: (String, Option<u8>),
        gift_for: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        label_texts: Vec<plain::Text>,
        #[serde(with = "in_words")]
        r#type: Option<u8>,
        #[serde(flatten)]
        size: Size,
        #[serde(skip)]
        cache: u8,
    },
    #[event(name = "parcel-sent")]
    #[serde(rename_all = "SCREAMING-KEBAB-CASE", deny_unknown_fields)]
    Sent { sent_by: String },
    #[event(name = "parcel-weighed")]
    Weighed(u64),
    #[event(name = "parcel-lost")]
    Lost,
}

mod plain {
    pub(super) type Text = String;
}

mod in_words {
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(_: &Option<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("one")
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer).map(|_| Some(1))
    }
}

fn same(old: serde_json::Value) -> serde_json::Value {
    old
}

fn nothing(_: serde::de::IgnoredAny) -> Option<Parcel> {
    None
}

const PARCEL: &str = r#"{
  "parcel": {
    "parcel-lost": {
      "version": 1,
      "fields": {}
    },
    "parcel-opened": {
      "version": 2,
      "retired": true
    },
    "parcel-packed": {
      "version": 2,
      "fields": {
        "giftFor": {
          "type": "Option<String>",
          "may_be_missing": true
        },
        "itemCount": "BTreeMap<String, [u8; 4]>",
        "labelTexts": {
          "type": "Vec<plain::Text>",
          "may_be_missing": true,
          "may_be_left_out": true
        },
        "packer": "(String, Option<u8>)",
        "size": "flatten Size",
        "type": "Option<u8> with in_words"
      }
    },
    "parcel-sent": {
      "version": 1,
      "fields": {
        "SENT-BY": "String"
      },
      "denies_unknown_fields": true
    },
    "parcel-weighed": {
      "version": 1,
      "data": "u64"
    }
  }
}
"#;

/// A file of this test, gone with it.
struct TestFile(PathBuf);

impl TestFile {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("annals-{test}-{}.json", std::process::id())))
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn kept(json: &str) -> EventSchema {
    serde_json::from_str(json).unwrap()
}

/// Compares the one event `a` of two files, and tells what breaks and what does not.
fn changes(then: &str, now: &str) -> Vec<String> {
    let of = |event: &str| match event {
        "" => kept(r#"{"c": {}}"#),
        _ => kept(&format!(r#"{{"c": {{"a": {event}}}}}"#)),
    };
    of(now).changes_since(&of(then)).iter().map(ToString::to_string).collect()
}

fn fields(fields: &str) -> String {
    format!(r#"{{"version": 1, "fields": {{{fields}}}}}"#)
}

#[test]
fn the_file_holds_names_versions_and_shapes_as_the_log_has_them() {
    let file = TestFile::new("shapes");
    let schema = EventSchema::new().with::<Parcel>("parcel");
    schema.write(&file.0).unwrap();
    assert_eq!(fs::read_to_string(&file.0).unwrap(), PARCEL);
    assert_eq!(EventSchema::read(&file.0).unwrap(), schema);
}

#[test]
fn names_of_fields_are_those_that_serde_writes() {
    macro_rules! ruled {
        ($($rule:literal)*) => {$({
            #[derive(Event)]
            #[event(crate = crate, name = "ruled")]
            #[serde(rename_all = $rule)]
            struct Ruled { a_field_of_two1: u8, b: u8, #[serde(rename(serialize = "X"))] x_: u8, _y: u8 }
            let ruled = Ruled { a_field_of_two1: 1, b: 1, x_: 1, _y: 1 };
            let written: BTreeMap<String, u8> = ruled.encode().unwrap().data.decode().unwrap();
            let schema = EventSchema::new().with::<Ruled>("c");
            let described = schema.0["c"]["ruled"].fields.clone().unwrap();
            assert!(described.keys().eq(written.keys()), "{}: {described:?} {written:?}", $rule);
        })*};
    }
    ruled!("lowercase" "UPPERCASE" "PascalCase" "camelCase" "snake_case" "SCREAMING_SNAKE_CASE" "kebab-case"
        "SCREAMING-KEBAB-CASE");
}

#[test]
#[should_panic(expected = "two types of \"parcel\" have an event \"parcel-lost\"")]
fn two_types_of_a_category_with_the_same_event_are_told_apart() {
    #[derive(Event)]
    #[event(crate = crate, name = "parcel-lost")]
    struct Lost;

    let _ = EventSchema::new().with::<Parcel>("parcel").with::<Lost>("parcel");
}

#[test]
fn nothing_changed_where_nothing_did() {
    assert_eq!(kept(PARCEL).changes_since(&kept(PARCEL)), []);
}

#[test]
fn what_makes_events_unreadable_breaks() {
    let one = fields(r#""x": "u8""#);
    let missing = r#"{"type": "u8", "may_be_missing": true}"#;
    let cases = [
        (one.as_str(), "", "is gone: the log still holds it, say `retired(…)`"),
        (r#"{"version": 1, "retired": true}"#, "", "is gone: the log still holds it, say `retired(…)`"),
        (
            r#"{"version": 2, "data": "u8"}"#,
            r#"{"version": 1, "data": "u8"}"#,
            "version 1 is written, the log holds version 2",
        ),
        (
            r#"{"version": 2, "data": "u8"}"#,
            r#"{"version": 1, "retired": true}"#,
            "version 1 is written, the log holds version 2",
        ),
        (
            r#"{"version": 1, "retired": true}"#,
            &one,
            "was retired at version 1: what is written anew has the next one",
        ),
        (&one, r#"{"version": 1, "data": "X"}"#, "fields with names became `X`: raise the version to 2"),
        (
            r#"{"version": 1, "data": "X"}"#,
            r#"{"version": 1, "data": "Y"}"#,
            "`X` became `Y`: raise the version to 2",
        ),
        (&one, &fields(""), "field `x` is gone, which readers of version 1 need: raise the version to 2"),
        (
            &fields(""),
            &one,
            "field `x` is new, and old events lack it: say `#[serde(default)]`, or raise the version to 2",
        ),
        (
            &one,
            &fields(r#""y": "u8""#),
            "field `x` is called `y` now: say `#[serde(rename = \"x\")]`, or raise the version to 2",
        ),
        (&one, &fields(r#""x": "u16""#), "field `x` was `u8` and is `u16`: raise the version to 2"),
        (
            &fields(&format!(r#""x": {missing}"#)),
            &one,
            "field `x` has to be there, and old events may lack it: raise the version to 2",
        ),
        (
            &one,
            &fields(r#""x": {"type": "u8", "may_be_left_out": true}"#),
            "field `x` is left out at times, and old programs need it: raise the version to 2",
        ),
        (
            r#"{"version": 1, "fields": {}, "denies_unknown_fields": true}"#,
            &fields(&format!(r#""x": {missing}"#)),
            "field `x` is new, and old programs refuse it: raise the version to 2",
        ),
        (
            &fields(&format!(r#""x": {missing}"#)),
            r#"{"version": 1, "fields": {}, "denies_unknown_fields": true}"#,
            "field `x` is gone, and refused in old events: raise the version to 2",
        ),
        (
            &one,
            r#"{"version": 1, "fields": {"x": "u8"}, "denies_unknown_fields": true}"#,
            "unknown fields are refused from now on, and old events may hold some: raise the version to 2",
        ),
    ];
    for (then, now, told) in cases {
        assert_eq!(changes(then, now)[0], format!("breaks  c  a: {told}"), "{then} → {now}");
    }
}

#[test]
fn what_can_be_read_before_and_after_holds() {
    let one = fields(r#""x": "u8""#);
    let missing = fields(r#""x": {"type": "u8", "may_be_missing": true}"#);
    let cases = [
        ("", one.as_str(), "is new"),
        ("", r#"{"version": 1, "retired": true}"#, "is retired, and was not kept before"),
        (&one, r#"{"version": 1, "retired": true}"#, "is retired from version 1 on"),
        (&one, r#"{"version": 2, "data": "u8"}"#, "version 1 became 2: update readers before writers"),
        (
            r#"{"version": 1, "retired": true}"#,
            r#"{"version": 2, "data": "u8"}"#,
            "version 1 became 2: update readers before writers",
        ),
        (&fields(""), &missing, "field `x` is new, and may be missing"),
        (&missing, &fields(""), "field `x` is gone, which no reader needs"),
        (&one, &missing, "field `x` may be missing"),
    ];
    for (then, now, told) in cases {
        assert_eq!(changes(then, now), [format!("holds   c  a: {told}")], "{then} → {now}");
    }
}

#[test]
fn the_verbs_tell_by_exit_code_and_lines_what_came_of_them() {
    let file = TestFile::new("verbs");
    let schema = EventSchema::new().with::<Parcel>("parcel");
    let run = |arguments: &[&str]| {
        let (mut out, mut talk) = (Vec::new(), Vec::new());
        let asked = verb::asked(arguments).expect("it is a verb");
        let ended = schema.answer(&file.0, &asked, &mut out, &mut talk);
        (ended, String::from_utf8(out).unwrap())
    };

    assert_eq!(run(&["check"]), (Ended::Failed, String::new()), "there is no file");
    let (ended, told) = run(&["write"]);
    assert_eq!((ended, told.lines().count()), (Ended::Well, 5));
    assert_eq!(run(&["check"]), (Ended::Well, String::new()));

    fs::write(&file.0, PARCEL.replace("parcel-lost", "parcel-found")).unwrap();
    let (ended, told) = run(&["check"]);
    let gone = "breaks  parcel  parcel-found: is gone: the log still holds it, say `retired(…)`";
    assert_eq!(
        (ended, told.as_str()),
        (Ended::Breaks, &*format!("{gone}\nholds   parcel  parcel-lost: is new\n"))
    );
    assert_eq!(run(&["write"]).0, Ended::Breaks);
    assert!(fs::read_to_string(&file.0).unwrap().contains("parcel-found"), "it is left as it was");
    assert_eq!(run(&["write", "--breaking"]).0, Ended::Well);
    assert_eq!(fs::read_to_string(&file.0).unwrap(), PARCEL);

    let without_lost =
        PARCEL.replace("\"parcel-lost\": {\n      \"version\": 1,\n      \"fields\": {}\n    },", "");
    fs::write(&file.0, without_lost).unwrap();
    let line = r#"{"category":"parcel","event":"parcel-lost","breaks":false,"change":"is new"}"#;
    assert_eq!(run(&["check", "--json"]), (Ended::Failed, format!("{line}\n")));
    fs::write(&file.0, "{").unwrap();
    assert_eq!(run(&["check"]).0, Ended::Failed);
    for wrong in [&[][..], &["look"], &["check", "--breaking"], &["write", "it"]] {
        assert_eq!(verb::asked(wrong), None, "{wrong:?}");
    }
}

/// Whoever read this has gone.
struct Closed;

impl std::io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn who_reads_no_further_changes_neither_the_verdict_nor_what_is_written() {
    let file = TestFile::new("closed");
    let schema = EventSchema::new().with::<Parcel>("parcel");
    let run = |arguments: &[&str]| {
        let asked = verb::asked(arguments).expect("it is a verb");
        schema.answer(&file.0, &asked, &mut Closed, &mut Closed)
    };

    assert_eq!(run(&["write"]), Ended::Well);
    assert_eq!(fs::read_to_string(&file.0).unwrap(), PARCEL);
    fs::write(&file.0, PARCEL.replace("parcel-lost", "parcel-found")).unwrap();
    assert_eq!(run(&["check"]), Ended::Breaks);
}
