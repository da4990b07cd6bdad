//! The file: JSON with sorted keys, a line for each field.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::EventSchema;

/// Why the file of a schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFileError {
    /// It cannot be read; where it was never written, `schema write` does that.
    #[error("{} cannot be read", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// It holds something else.
    #[error("{} is not a file of events", .0.display())]
    Malformed(PathBuf, #[source] serde_json::Error),
    /// It cannot be written; what it held may be lost.
    #[error("{} cannot be written", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

impl EventSchema {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`SchemaFileError`] where it cannot be read or holds something else.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SchemaFileError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| SchemaFileError::Read(path.to_owned(), error))?;
        serde_json::from_str(&text).map_err(|error| SchemaFileError::Malformed(path.to_owned(), error))
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// [`SchemaFileError::Write`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), SchemaFileError> {
        let path = path.as_ref();
        let text = serde_json::to_string_pretty(self).map_err(io::Error::from);
        let written = text.and_then(|text| fs::write(path, text + "\n"));
        written.map_err(|error| SchemaFileError::Write(path.to_owned(), error))
    }
}
