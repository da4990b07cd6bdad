//! Why a database was not made, dropped or swept.
//!
//! Guarantees
//! - no message holds a password.

use crate::{database_url::DatabaseUrl, start_error::StartError};

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// There is no server; no database was made.
    #[error("no server for the database")]
    Start(#[from] StartError),
    /// The server cannot be reached; no database was made.
    #[error("cannot connect to {url}")]
    Connect {
        /// Where; its password is not printed.
        url: DatabaseUrl,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// The server refused a statement. Databases of this call are dropped or swept later.
    #[error("cannot {action} {database}")]
    Statement {
        /// What was to be done.
        action: &'static str,
        /// To which database.
        database: String,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The caller's setup of the template failed; the unfinished template was dropped, the next call tries again.
    #[error("the setup of template {template} failed")]
    Setup {
        /// The template's name.
        template: String,
        /// What the setup said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Connections into the template did not end. Close them at the end of the setup.
    #[error("template {template} is still in use after its setup: {connections} connections")]
    TemplateInUse {
        /// The template's name.
        template: String,
        /// How many there are.
        connections: i64,
    },
}
