//! The schema of the log: its name, its numbered migrations, and whether what is installed fits this library.
//!
//! States of an installed schema: `absent -> behind -> current`; one that is newer than this library, or
//! damaged, is refused by everything.

mod component;
mod error;
mod installed;
mod migrate;
mod name;
mod server;

pub use component::{Migration, migrations, migrations_fingerprint};
pub use error::{MigrateError, SchemaFault};
pub use installed::{ComponentStatus, SchemaStatus, require_read_models, schema_status};
pub use migrate::{MigrationReport, migrate, migrate_read_models, migration_script};
pub use name::{InvalidSchemaName, SchemaName};

pub(crate) use component::{COMPONENTS, known};
pub(crate) use installed::require_current;
pub(crate) use server::{SERVER_VERSION_MIN, require_server};
