//! Numbers and words on the command line, as the values they mean.

use annals_eventstore::{ExpectedVersion, SchemaVersion, Version};

/// Reads the version of a stream.
pub(super) fn version(text: &str) -> Result<Version, String> {
    let number: i64 = text.parse().map_err(|_| "a version is a whole number".to_owned())?;
    Version::try_from(number).map_err(|error| error.to_string())
}

/// Reads the version of an event's shape.
pub(super) fn schema_version(text: &str) -> Result<SchemaVersion, String> {
    let number: i32 = text.parse().map_err(|_| "a schema version is a whole number".to_owned())?;
    SchemaVersion::try_from(number).map_err(|error| error.to_string())
}

/// Reads what a stream must look like.
pub(super) fn expected(text: &str) -> Result<ExpectedVersion, String> {
    match text {
        "any" => Ok(ExpectedVersion::Any),
        "none" => Ok(ExpectedVersion::NoStream),
        "exists" => Ok(ExpectedVersion::StreamExists),
        number => version(number)
            .map(ExpectedVersion::from)
            .map_err(|_| "expected is any, none, exists, or the version the stream must be at".to_owned()),
    }
}
