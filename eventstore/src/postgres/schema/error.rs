//! Why a schema cannot be used or brought up to date.

use crate::postgres::connect::ConnectError;
use crate::postgres::schema::SchemaName;

/// What is wrong with an installed schema. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFault {
    /// Nothing is installed. Run `annals db migrate`.
    #[error("schema {schema} holds no log yet; run `annals db migrate`")]
    Absent {
        /// The schema.
        schema: SchemaName,
    },
    /// Migrations are missing. Run `annals db migrate`.
    #[error(
        "component {component} is at migration {installed}, this version needs {known}; run `annals db migrate`"
    )]
    Behind {
        /// Which part.
        component: &'static str,
        /// The last installed migration.
        installed: i32,
        /// The last one this library knows.
        known: i32,
    },
    /// A newer version of Annals migrated it. Use that version.
    #[error(
        "component {component} is at migration {installed}, this version knows {known}; use a newer version of Annals"
    )]
    TooNew {
        /// Which part.
        component: String,
        /// The last installed migration.
        installed: i32,
        /// The last one this library knows.
        known: i32,
    },
    /// Something was changed or removed by hand. Restore it; Annals changes nothing.
    #[error("schema {schema} is damaged: {what}; restore it from a backup or undo the change")]
    Damaged {
        /// The schema.
        schema: SchemaName,
        /// What was found.
        what: String,
    },
}

/// Why a schema was not migrated. Nothing was changed: all pending migrations are one transaction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The installed schema is newer or damaged.
    #[error(transparent)]
    Schema(#[from] SchemaFault),
    /// PostgreSQL is older than 15.
    #[error("server version {0} is too old; Annals needs PostgreSQL 15 or later")]
    ServerTooOld(String),
    /// The database keeps text in another encoding.
    #[error("database encoding is {0}; Annals needs a database with encoding UTF8")]
    WrongEncoding(String),
    /// A migration failed.
    #[error("migration {component} {number} ({name}) failed")]
    Migration {
        /// Which part.
        component: &'static str,
        /// Which migration.
        number: i32,
        /// What it brings.
        name: &'static str,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Another statement failed.
    #[error("migrating failed")]
    Database(#[from] tokio_postgres::Error),
}
