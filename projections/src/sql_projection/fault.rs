//! What is wrong with the folder of a projection: everything at once, each with its place.

use std::fmt;
use std::io;

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::error::DbError;

use super::place::Place;
use super::statement_fault::StatementFault;

/// Why a folder was not loaded. Nothing was started.
#[derive(Debug)]
pub struct FolderError(
    /// All faults, by place. Never empty.
    pub Vec<Fault>,
);

impl std::error::Error for FolderError {}

impl fmt::Display for FolderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            let separator = if nth == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

/// One fault, shown as `file:line:column: what is wrong`.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub reason: FaultReason,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultReason {
    /// A value or key in `projection.toml`.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// The text of an SQL file.
    #[error(transparent)]
    Statement(#[from] StatementFault),
    /// A file that cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A file that `projection.toml` does not name.
    #[error("no event type leads here: name it in projection.toml, or remove it")]
    Undeclared,
    /// A folder of projections that holds none.
    #[error("there is no folder in it")]
    NoFolder,
    /// Two projections have in common what each has for itself.
    #[error("it has the {what} of {with}")]
    Shared {
        /// What they share.
        what: &'static str,
        /// The manifest of the other one.
        with: String,
    },
    /// The files were edited, and are still the same version.
    #[error(
        "the tables in schema {schema} were filled by version {version} of these files before they were edited: give \
         it a higher version and another schema"
    )]
    Edited {
        /// The schema.
        schema: SchemaName,
        /// The version.
        version: i32,
    },
    /// The schema is that of another projection, or of another version.
    #[error(
        "the tables in schema {schema} were filled by {name} version {version}: every version has a schema of its own"
    )]
    FilledByOther {
        /// The schema.
        schema: SchemaName,
        /// Who filled it.
        name: String,
        /// Its version.
        version: String,
    },
    /// A statement that the server does not take.
    #[error("the server refuses it: {message}")]
    Server {
        /// What it says, with its hint.
        message: String,
        /// The same as it came.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A statement that reads or changes what does not belong to the projection.
    #[error("{} not in schema {schema}: a read model is made of events and its own tables", listed(.relations))]
    Outside {
        /// The tables and views, with their schemas.
        relations: Vec<String>,
        /// The schema of the projection.
        schema: SchemaName,
    },
}

fn listed(relations: &[String]) -> String {
    let verb = if relations.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", relations.join(", "))
}

/// Shows what the server said, with its hint.
pub(super) fn said(error: &DbError) -> String {
    match error.hint() {
        Some(hint) => format!("{} ({hint})", error.message()),
        None => error.message().to_owned(),
    }
}

/// What is wrong with `projection.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// It is not TOML.
    #[error("{0}")]
    Malformed(String),
    /// A key that means nothing.
    #[error("`{0}` is no key here: there are name, version, partitions, schema, key, errors and [events]")]
    UnknownKey(String),
    /// A key that has to be there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value that a key does not take.
    #[error("`{key}` is {wanted}, not {found}")]
    Value {
        /// The key.
        key: String,
        /// What it takes.
        wanted: &'static str,
        /// What stands there.
        found: String,
    },
}
