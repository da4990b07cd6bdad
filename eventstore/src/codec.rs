//! The codec: a domain's own event types on their way into and out of the log.

pub use annals_macros::Event;

use crate::decoded::Decoded;
use crate::event::{EventType, InvalidEvent, NewEvent, RecordedEvent};

/// A domain's events, each under a name and at a schema version: what is written, and how all that was ever written is
/// read.
///
/// It is derived for an enum with a variant for each event, or for a struct that is one. The names are said, never taken
/// from Rust: they are in the log for ever. Data is JSON, written by serde: fields with names are an object, one field
/// without a name is the data itself, nothing is `{}` (and is read from `null` too).
///
/// | on a variant, or the struct | |
/// |---|---|
/// | `#[event(name = "money-deposited")]` | the name in the log |
/// | `#[event(version = 3)]` | the schema version that is written; 1 unless told otherwise |
/// | `#[event(upcast = [one_to_two, two_to_three])]` | the way from each version to the next: functions from the old shape to the new one; a missing one does not compile |
///
/// | on the enum, or the struct | |
/// |---|---|
/// | `#[event(retired(name = "…", into = function))]` | a name that is not written any more: the function takes its data and gives the events it is read as, none or several of them |
/// | `#[event(retired(name = "…", version = 3, upcast = […], into = function))]` | the same for a name that had several versions: the function takes data of the last one, `upcast` leads there as it did before |
/// | `#[event(retired(name = "…", version = 1, into = function))]` | of a name that is still written: its first versions, up to this one |
/// | `#[event(crate = annals_eventstore)]` | for those who depend on this crate and not on `annals` |
///
/// | for serde | |
/// |---|---|
/// | on a field with a name | every attribute of serde, which sees the field as its type has it: functions of `with` or `skip_serializing_if` may be generic |
/// | on the field without a name | `with`, `serialize_with`, `deserialize_with` |
/// | on a variant, or the struct, whose fields have names | `rename_all`, `deny_unknown_fields` |
/// | on the enum | `rename_all_fields` |
///
/// Any other attribute of serde would have no effect, and does not compile.
///
/// The derive also describes the events, so that [`EventSchema`](crate::EventSchema) can compare them with those of the
/// version before.
///
/// Data of a newer version than the one that is written, or was written last, is refused: deploy what reads before what
/// writes.
///
/// # Examples
///
/// ```
/// use annals_eventstore::Event;
///
/// #[derive(Debug, PartialEq, Event)]
/// #[event(crate = annals_eventstore, retired(name = "account-moved", into = moved))]
/// enum AccountEvent {
///     #[event(name = "account-opened", version = 2, upcast = [with_currency])]
///     Opened { owner: String, currency: String },
///     #[event(name = "account-closed")]
///     Closed,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct OpenedV1 {
///     owner: String,
/// }
/// #[derive(serde::Serialize)]
/// struct OpenedV2 {
///     owner: String,
///     currency: &'static str,
/// }
/// fn with_currency(old: OpenedV1) -> OpenedV2 {
///     OpenedV2 { owner: old.owner, currency: "EUR" }
/// }
///
/// /// Where an account is kept tells nothing any more.
/// fn moved(_: serde_json::Value) -> Option<AccountEvent> {
///     None
/// }
///
/// let event = AccountEvent::Opened { owner: "Ada".into(), currency: "SEK".into() }.encode()?;
/// assert_eq!((event.event_type.as_str(), event.schema_version.get()), ("account-opened", 2));
/// assert_eq!(event.data.as_str(), r#"{"owner":"Ada","currency":"SEK"}"#);
/// # Ok::<(), annals_eventstore::EncodeError>(())
/// ```
pub trait Event: Sized + Send + Sync + 'static {
    /// Writes the event for the log.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when its JSON is refused.
    fn encode(&self) -> Result<NewEvent, EncodeError>;

    /// Reads what a recorded event is now: one event, mostly; none or several where it is retired.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for a type that is not known, a schema version that is newer than the known one, or data of
    /// another shape.
    fn decode(recorded: &RecordedEvent) -> Result<Decoded<Self>, DecodeError>;
}

/// Why an event of the domain cannot be written. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The name or the data is refused.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
}

/// Why a recorded event cannot be read as one of the domain's.
#[derive(Debug, thiserror::Error)]
#[error("event {version} of {stream}, {event_type:?}, cannot be read")]
pub struct DecodeError {
    /// The stream it belongs to.
    pub stream: crate::stream::StreamName,
    /// Its version.
    pub version: crate::version::Version,
    /// Its type.
    pub event_type: EventType,
    /// What is wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DecodeError {
    /// Names the event that cannot be read, and why.
    pub fn of(recorded: &RecordedEvent, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self {
            stream: recorded.stream.clone(),
            version: recorded.version,
            event_type: recorded.event_type.clone(),
            source,
        }
    }

    /// True where the event was written by a newer program, at a schema version that this one does not know: it can be
    /// read after an update.
    pub fn is_newer(&self) -> bool {
        self.source.is::<NewerVersion>()
    }
}

/// Why data of a newer program is not read.
#[derive(Debug, thiserror::Error)]
#[error("schema version {found} is newer than {known}, the newest that is known: update this program")]
pub(crate) struct NewerVersion {
    pub(crate) found: i32,
    pub(crate) known: i32,
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::event::SchemaVersion;
    use crate::payload::Payload;
    use crate::position::GlobalPosition;
    use crate::version::Version;

    #[derive(Debug, PartialEq, Event)]
    #[event(
        crate = crate,
        retired(name = "told-twice", into = told_twice),
        retired(name = "told-never", into = told_never),
        retired(name = "told-more", version = 1, into = told_in_words),
        retired(name = "told-longer", version = 3, upcast = [with_count, with_words], into = told_before)
    )]
    enum Told {
        #[event(name = "told-nothing")]
        Nothing,
        #[event(name = "told-one")]
        One(u64),
        #[event(name = "told-more", version = 4, upcast = [with_count, with_words])]
        More {
            #[serde(rename = "words")]
            texts: Vec<String>,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            teller: Option<String>,
        },
        #[event(name = "told-braces")]
        Braces {},
    }

    #[derive(Serialize, Deserialize)]
    struct MoreV3 {
        text: String,
        count: usize,
    }

    #[derive(Deserialize)]
    struct MoreV4 {
        words: Vec<String>,
    }

    fn with_count(text: String) -> MoreV3 {
        MoreV3 { text, count: 2 }
    }

    fn with_words(old: MoreV3) -> serde_json::Value {
        serde_json::json!({"words": vec![old.text; old.count]})
    }

    fn told_before(old: MoreV4) -> [Told; 2] {
        [Told::Nothing, Told::More { texts: old.words, teller: None }]
    }

    fn told_in_words(count: u64) -> [Told; 1] {
        [Told::One(count)]
    }

    fn told_twice(one: u64) -> [Told; 2] {
        [Told::One(one), Told::One(one)]
    }

    fn told_never(_: serde_json::Value) -> Option<Told> {
        None
    }

    fn record(event_type: &str, version: i32, data: &str) -> RecordedEvent {
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

    fn decoded(event_type: &str, version: i32, data: &str) -> Vec<Told> {
        Told::decode(&record(event_type, version, data)).unwrap().into_iter().collect()
    }

    fn refused(event_type: &str, version: i32, data: &str) -> String {
        let error = Told::decode(&record(event_type, version, data)).expect_err(data);
        format!("{error}: {}", error.source)
    }

    #[test]
    fn every_kind_of_variant_comes_back_as_it_went() {
        let texts = vec!["\"a\"".to_owned()];
        let all = [
            Told::Nothing,
            Told::One(u64::MAX),
            Told::More { texts: texts.clone(), teller: None },
            Told::More { texts, teller: Some("Ada".into()) },
            Told::Braces {},
        ];
        for told in all {
            let written = told.encode().unwrap();
            let (name, version) = (written.event_type.as_str(), written.schema_version.get());
            assert_eq!(decoded(name, version, written.data.as_str()), [told]);
        }
    }

    #[test]
    fn old_data_goes_through_every_step_from_its_version_on() {
        let twice = || Told::More { texts: vec!["a".into(), "a".into()], teller: None };
        assert_eq!(decoded("told-more", 2, "\"a\""), [twice()]);
        assert_eq!(decoded("told-more", 3, r#"{"text": "a", "count": 2}"#), [twice()]);
        assert_eq!(decoded("told-more", 4, r#"{"words": ["a", "a"]}"#), [twice()]);
    }

    #[test]
    fn what_is_retired_is_read_as_none_as_one_or_as_several() {
        assert_eq!(decoded("told-never", 1, "[]"), []);
        assert_eq!(decoded("told-more", 1, "5"), [Told::One(5)]);
        assert_eq!(decoded("told-twice", 1, "5"), [Told::One(5), Told::One(5)]);
    }

    #[test]
    fn what_is_retired_goes_through_every_step_to_its_last_version_first() {
        let read = || [Told::Nothing, Told::More { texts: vec!["a".into(), "a".into()], teller: None }];
        assert_eq!(decoded("told-longer", 1, "\"a\""), read());
        assert_eq!(decoded("told-longer", 2, r#"{"text": "a", "count": 2}"#), read());
        assert_eq!(decoded("told-longer", 3, r#"{"words": ["a", "a"]}"#), read());
    }

    #[test]
    fn a_version_above_the_last_one_of_what_is_retired_is_refused() {
        let newer = |found, known| {
            format!(
                "schema version {found} is newer than {known}, the newest that is known: update this program"
            )
        };
        assert!(refused("told-longer", 4, "{}").ends_with(&newer(4, 3)));
        assert!(refused("told-never", 2, "[]").ends_with(&newer(2, 1)));
        let is_newer =
            |version, data| Told::decode(&record("told-longer", version, data)).unwrap_err().is_newer();
        assert!(is_newer(4, "{}") && !is_newer(3, "5"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_the_event() {
        assert_eq!(
            refused("told-lies", 1, "1"),
            "event 1 of told-1, \"told-lies\", cannot be read: no event of this type is known"
        );
        let newer = "schema version 5 is newer than 4, the newest that is known: update this program";
        assert!(refused("told-more", 5, "{}").ends_with(newer));
        assert!(refused("told-more", 3, "{}").ends_with("upcasting it from schema version 3 failed"));
        assert!(refused("told-one", 1, "\"five\"").contains("invalid type: string"));
    }
}
