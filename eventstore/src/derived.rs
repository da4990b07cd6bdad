//! What `#[derive(Event)]` calls; not for anybody else.
//!
//! Guarantees: data of the version that is written is parsed once, straight into its fields; older data goes through
//! every step from its version on; data of a version that is not known yet is refused, never guessed at.

use std::borrow::Cow;
use std::error::Error;

pub use serde;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, EncodeError, NewerVersion};
use crate::decoded::Decoded;
use crate::event::{EventType, InvalidEvent, NewEvent, RecordedEvent, SchemaVersion};
pub use crate::event_schema::{Described, DescribedEvent, DescribedField, DescribedHolds};
use crate::payload::Payload;

type Fault = Box<dyn Error + Send + Sync>;

/// One step, from JSON to JSON.
type Upcaster = dyn Fn(&str) -> Result<String, Fault>;

/// The data of an event that has braces and no field.
#[derive(Debug, Serialize, Deserialize)]
pub struct NoFields {}

/// Why recorded data is not read.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no event of this type is known")]
    Unknown,
    #[error("upcasting it from schema version {from} failed")]
    Step { from: i32, source: Fault },
}

/// Writes an event under its name and version.
///
/// # Errors
///
/// [`EncodeError`] when its JSON is refused.
pub fn encode<T: Serialize>(name: &'static str, version: i32, data: &T) -> Result<NewEvent, EncodeError> {
    let data = Payload::encode(data).map_err(InvalidEvent::from)?;
    let event_type = EventType::new(name).map_err(InvalidEvent::from)?;
    let version = SchemaVersion::recorded(version);
    Ok(NewEvent { schema_version: version, ..NewEvent::of(event_type, data) })
}

/// Brings data to the version that is written; `steps` begin at version `first`.
///
/// # Errors
///
/// [`DecodeError`] for data of a newer version, or of another shape than its version has.
pub fn upcast<'r>(
    recorded: &'r RecordedEvent,
    first: i32,
    known: i32,
    steps: &[&Upcaster],
) -> Result<Cow<'r, str>, DecodeError> {
    let found = recorded.schema_version.get();
    if found > known {
        return Err(DecodeError::of(recorded, NewerVersion { found, known }.into()));
    }
    let readable = recorded.data.require_readable();
    let readable = readable.map_err(|source| DecodeError::of(recorded, source.into()))?;
    let mut data = Cow::Borrowed(readable.as_str());
    for (from, step) in (first..).zip(steps).skip_while(|(from, _)| *from < found) {
        let next = step(&data);
        data = Cow::Owned(
            next.map_err(|source| DecodeError::of(recorded, Refused::Step { from, source }.into()))?,
        );
    }
    Ok(data)
}

/// Goes one step: from the shape that the function takes to the one that it gives.
///
/// # Errors
///
/// What JSON says of data that has another shape.
pub fn step<Old: DeserializeOwned, New: Serialize>(
    upcaster: impl Fn(Old) -> New,
    data: &str,
) -> Result<String, Fault> {
    Ok(serde_json::to_string(&upcaster(serde_json::from_str(data)?))?)
}

/// Reads data of the version that is written.
///
/// # Errors
///
/// [`DecodeError`] for data of another shape.
pub fn read<T: DeserializeOwned>(recorded: &RecordedEvent, data: &str) -> Result<T, DecodeError> {
    serde_json::from_str(data).map_err(|source| DecodeError::of(recorded, source.into()))
}

/// Reads an event that is not written any more, from data of its last version.
///
/// # Errors
///
/// [`DecodeError`] for data of another shape.
pub fn retired<Old: DeserializeOwned, Now: IntoIterator<Item = E>, E>(
    recorded: &RecordedEvent,
    data: &str,
    into: impl Fn(Old) -> Now,
) -> Result<Decoded<E>, DecodeError> {
    Ok(into(read(recorded, data)?).into_iter().collect())
}

/// Says that no event has this type.
pub fn unknown(recorded: &RecordedEvent) -> DecodeError {
    DecodeError::of(recorded, Refused::Unknown.into())
}

#[cfg(test)]
mod tests;
