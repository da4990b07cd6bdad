//! Payloads: JSON kept verbatim, and the few kinds of JSON that are refused.
//!
//! Guarantees: what is stored is byte for byte what was given, number formats and key order included;
//! what is taken here can be read back by every common JSON reader and by PostgreSQL's `jsonb`.

mod finite;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The deepest nesting of arrays and objects in a payload.
pub const PAYLOAD_DEPTH_MAX: usize = 100;

/// The largest payload, in bytes of JSON text.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// JSON text, verbatim: the data of an event, or its metadata. Cheap to clone.
///
/// Numbers are read to the last bit, floating-point ones too.
///
/// # Errors
///
/// [`Payload::encode`] and [`Payload::from_json`] refuse with [`InvalidPayload`] what some reader would
/// choke on later: `\u0000`, lone surrogates, a key twice in one object, nesting over
/// [`PAYLOAD_DEPTH_MAX`], more than [`PAYLOAD_BYTES_MAX`] bytes.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::Payload;
/// let payload = Payload::from_json(r#"{"amount": 10.50, "to": "account-8"}"#)?;
/// assert_eq!(payload.as_str(), r#"{"amount": 10.50, "to": "account-8"}"#);
/// assert!(Payload::from_json(r#"{"a": 1, "a": 2}"#).is_err());
/// # Ok::<(), annals_eventstore::InvalidPayload>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    json: Arc<str>,
    /// Why nobody can read it, where a codec could not open it.
    unreadable: Option<Arc<str>>,
}

impl Payload {
    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidPayload`] when the value cannot be written, holds NaN or an infinity, which JSON does not have, or its
    /// JSON would be refused.
    pub fn encode(value: &(impl Serialize + ?Sized)) -> Result<Self, InvalidPayload> {
        let json = serde_json::to_string(value).map_err(InvalidPayload::Encode)?;
        // What JSON has no number for is written as null.
        if json.contains("null") {
            finite::require_finite(value).map_err(InvalidPayload::Encode)?;
        }
        Self::from_json(json)
    }

    /// Takes JSON text as it is.
    ///
    /// # Errors
    ///
    /// [`InvalidPayload`] says what is wrong with it.
    pub fn from_json(json: impl Into<Arc<str>>) -> Result<Self, InvalidPayload> {
        let json = json.into();
        if json.len() > PAYLOAD_BYTES_MAX {
            return Err(InvalidPayload::TooLarge { bytes: json.len() });
        }
        // Depth comes first: the check of the text itself goes down one call per level.
        let depth = nesting_of(&json);
        if depth > PAYLOAD_DEPTH_MAX {
            return Err(InvalidPayload::TooDeep { depth });
        }
        serde_json::from_str::<Readable>(&json).map_err(InvalidPayload::Unreadable)?;
        Ok(Self { json, unreadable: None })
    }

    /// Takes JSON that the log itself handed out.
    pub(crate) fn recorded(json: &str) -> Self {
        Self { json: json.into(), unreadable: None }
    }

    /// Returns the same, which could not be opened.
    pub(crate) fn unreadable(&self, why: &(dyn std::error::Error + 'static)) -> Self {
        Self { json: Arc::clone(&self.json), unreadable: Some(why.to_string().into()) }
    }

    /// Passes a payload that can be read.
    ///
    /// # Errors
    ///
    /// What the codec said that could not open it ([`PayloadCodec`](crate::PayloadCodec)).
    pub fn require_readable(&self) -> Result<&Self, serde_json::Error> {
        match &self.unreadable {
            None => Ok(self),
            Some(why) => Err(serde_json::Error::custom(format_args!("payload cannot be opened: {why}"))),
        }
    }

    /// Reads the JSON as a value of the caller's type.
    ///
    /// # Errors
    ///
    /// `serde_json`'s error when the JSON has another shape, or could not be opened.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.require_readable()?.json)
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.json
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.json)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.json)
    }
}

/// Why JSON is refused as a payload. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPayload {
    /// The value's own serializer failed, or a number is NaN or infinite.
    #[error("value cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// Malformed JSON, `\u0000`, a lone surrogate, or a key twice in one object.
    #[error("payload is not JSON that every reader takes")]
    Unreadable(#[source] serde_json::Error),
    /// Nested too deep.
    #[error("payload is nested {depth} deep, at most {PAYLOAD_DEPTH_MAX} are taken")]
    TooDeep {
        /// How deep it is.
        depth: usize,
    },
    /// Too many bytes.
    #[error("payload has {bytes} bytes, at most {PAYLOAD_BYTES_MAX} are taken")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
}

/// Counts how deep arrays and objects nest, strings left out; malformed text gives some number.
fn nesting_of(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Walks JSON without building it, and fails on what a payload may not hold.
///
/// Numbers are passed over as text, so that one beyond `f64` is no error.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let walked = match raw.as_bytes().first() {
            Some(b'{' | b'[' | b'"') => {
                serde_json::Deserializer::from_str(raw).deserialize_any(ReadableVisitor)
            }
            _ => Ok(Self),
        };
        walked.map_err(D::Error::custom)
    }
}

struct ReadableVisitor;

impl<'de> Visitor<'de> for ReadableVisitor {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Readable, E> {
        refuse_nul(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Readable, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            refuse_nul::<A::Error>(&key)?;
            fields.next_value::<Readable>()?;
            if let Some(twice) = seen.replace(key) {
                return Err(A::Error::custom(format_args!("key {twice:?} stands twice in one object")));
            }
        }
        Ok(Readable)
    }
}

fn refuse_nul<E: serde::de::Error>(text: &str) -> Result<Readable, E> {
    if text.contains('\0') {
        return Err(E::custom("PostgreSQL cannot keep the character \\u0000"));
    }
    Ok(Readable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_kept_to_the_byte() {
        for json in [
            "null",
            "1e400",
            "18446744073709551615",
            "0.10",
            r#" {"b":1,"a":[{}, []]} "#,
            r#""\\u0000""#,
            "\"ä\"",
        ] {
            assert_eq!(Payload::from_json(json).unwrap().as_str(), json);
        }
    }

    #[test]
    fn what_some_reader_chokes_on_is_refused() {
        for json in [
            "",
            "{",
            "nul",
            "1 2",
            r#""\u0000""#,
            r#"{"\u0000": 1}"#,
            r#"["\ud800"]"#,
            r#"[{"a": {"x": 1, "x": 2}}]"#,
        ] {
            let refused = Payload::from_json(json).expect_err(json);
            assert!(matches!(refused, InvalidPayload::Unreadable(_)), "{json}: {refused}");
        }
    }

    #[test]
    fn nesting_is_counted_outside_of_strings() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Payload::from_json(nested(PAYLOAD_DEPTH_MAX)).is_ok());
        let refused = Payload::from_json(nested(PAYLOAD_DEPTH_MAX + 1)).expect_err("too deep");
        assert!(matches!(refused, InvalidPayload::TooDeep { depth: 101 }));
        assert!(Payload::from_json(format!("[{:?}]", "[\"".repeat(500))).is_ok());
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_by_its_size() {
        let json = format!("\"{}\"", "x".repeat(PAYLOAD_BYTES_MAX - 1));
        assert!(matches!(Payload::from_json(json), Err(InvalidPayload::TooLarge { .. })));
    }

    #[test]
    fn a_number_that_json_does_not_have_is_refused_wherever_it_stands() {
        #[derive(Serialize)]
        enum Told {
            Nothing,
            One(f32),
            Two(u8, f64),
            Named { number: Option<f64> },
        }
        let refused: [(&str, Result<Payload, InvalidPayload>); 8] = [
            ("NaN", Payload::encode(&f64::NAN)),
            ("inf", Payload::encode(&[1.0, f64::INFINITY])),
            ("-inf", Payload::encode(&("a", f32::NEG_INFINITY))),
            ("NaN", Payload::encode(&Told::One(f32::NAN))),
            ("inf", Payload::encode(&Told::Two(1, f64::INFINITY))),
            ("NaN", Payload::encode(&Told::Named { number: Some(f64::NAN) })),
            ("NaN", Payload::encode(&std::collections::BTreeMap::from([("a", vec![f64::NAN])]))),
            ("inf", Payload::encode(&Box::new(std::num::Wrapping(f64::INFINITY)))),
        ];
        for (number, refused) in refused {
            let Err(InvalidPayload::Encode(error)) = refused else {
                panic!("{number} is taken: {refused:?}")
            };
            assert_eq!(error.to_string(), format!("JSON has no number {number}"));
        }
        for taken in [Told::Nothing, Told::One(1.0), Told::Two(1, 2.0), Told::Named { number: None }] {
            assert!(Payload::encode(&taken).is_ok());
        }
        let wide = Payload::encode(&(i128::MIN, u128::MAX, 'c', (), [0_u8; 2])).unwrap();
        assert!(wide.as_str().starts_with("[-170141183460469231731687303715884105728,340"), "{wide}");
    }

    /// Doubles that parsers are known to miss by a bit: ends of the range, halfway cases, long digits; then any.
    #[test]
    fn every_finite_double_comes_back_bit_by_bit() {
        let hard = [
            0.0,
            -0.0,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::from_bits(0x000f_ffff_ffff_ffff),
            f64::MAX,
            f64::MIN,
            f64::EPSILON,
            0.1 + 0.2,
            1.0 / 3.0,
            9_007_199_254_740_993.0,
            2.225_073_858_507_201e-308,
            1.797_693_134_862_315_6e308,
            6.631_236_85e-316,
            1.448_997_445_238_699,
            8.988_465_674_311_58e307,
            31.245_270_191_439_438,
            121.485_791_255_313_47,
            51.024_728_983_930_95,
        ];
        let mut any = fastrand::Rng::with_seed(8);
        let random = std::iter::repeat_with(|| f64::from_bits(any.u64(..))).take(20_000);
        for double in hard.into_iter().chain(random).filter(|double| double.is_finite()) {
            let payload = Payload::encode(&double).unwrap();
            let read: f64 = payload.decode().unwrap();
            assert_eq!(read.to_bits(), double.to_bits(), "{double:e} as {payload}");
            let single = double as f32;
            if single.is_finite() {
                let read: f32 = Payload::encode(&single).unwrap().decode().unwrap();
                assert_eq!(read.to_bits(), single.to_bits(), "{single:e}");
            }
        }
    }
}
