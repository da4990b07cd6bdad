//! Fields of a payload, as the text that stands there: no number goes through a float, and nothing else is built.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Returns the JSON that a path leads to, if it leads somewhere. In an array a number counts from 0.
pub(super) fn field<'j>(json: &'j str, path: &[String]) -> Option<&'j str> {
    let mut found = json.trim_matches([' ', '\t', '\n', '\r']);
    for segment in path {
        found = member(found, segment)?;
    }
    Some(found)
}

/// Returns what a JSON value says: a text without its quotes and escapes, nothing for null, anything else as it stands.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).ok().map(Cow::Owned),
        Some(b'n') => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Returns the elements of an array, each as it stands.
pub(super) fn elements(json: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

fn member<'j>(json: &'j str, segment: &str) -> Option<&'j str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    match json.as_bytes().first()? {
        b'{' => reader.deserialize_map(Member(segment)).ok()?,
        b'[' => reader.deserialize_seq(Element(segment.parse().ok()?)).ok()?,
        _ => None,
    }
}

/// Finds the member of an object; of several by one name the last counts, as for the server.
struct Member<'s>(&'s str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Is(self.0))? {
            if is_it {
                found = Some(members.next_value::<&RawValue>()?.get());
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a key without keeping it.
struct Is<'s>(&'s str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// Finds an element of an array.
struct Element(usize);

impl<'de> Visitor<'de> for Element {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let (mut found, mut nth) = (None, 0);
        while let Some(element) = elements.next_element::<&RawValue>()? {
            if nth == self.0 {
                found = Some(element.get());
            }
            nth += 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'j>(json: &'j str, path: &[&str]) -> Option<&'j str> {
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        field(json, &path)
    }

    #[test]
    fn a_path_leads_to_the_text_that_stands_there() {
        let json =
            r#" {"a": {"b": [1, {"c": 18446744073709551616}, "x"]}, "n": null, "é": 1.50, "1": 1e400} "#;

        assert_eq!(found(json, &[]), Some(json.trim()));
        assert_eq!(found(json, &["a", "b", "1", "c"]), Some("18446744073709551616"));
        assert_eq!(found(json, &["a", "b", "2"]), Some("\"x\""));
        assert_eq!(found(json, &["n"]), Some("null"));
        assert_eq!(found(json, &["é"]), Some("1.50"));
        assert_eq!(found(json, &["1"]), Some("1e400"));
        assert_eq!(found(r#"{"\u00e9": 1, "a\"": 2}"#, &["é"]), Some("1"));
    }

    #[test]
    fn a_path_that_leads_nowhere_finds_nothing() {
        let json = r#"{"a": {"b": [1]}, "n": null, "t": "text", "big": 1e400}"#;
        for path in [
            &["x"][..],
            &["a", "c"],
            &["a", "b", "1"],
            &["a", "b", "-1"],
            &["a", "b", "x"],
            &["n", "a"],
            &["t", "0"],
        ] {
            assert_eq!(found(json, path), None, "{path:?}");
        }
        assert_eq!(found(json, &["big", "a"]), None);
    }

    #[test]
    fn a_text_loses_its_quotes_and_nothing_else_changes() {
        assert_eq!(text(r#""a\n\u00e9\"""#).as_deref(), Some("a\né\""));
        assert_eq!(text("null"), None);
        assert_eq!(text("1.50").as_deref(), Some("1.50"));
        assert_eq!(text(r#"{"a": 1}"#).as_deref(), Some(r#"{"a": 1}"#));
        assert_eq!(elements("[1, \"a\" , [2] ]"), Some(vec!["1", "\"a\"", "[2]"]));
    }
}
