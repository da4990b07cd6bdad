//! Whether a log is sound, and how its owner makes it so again.
//!
//! Guarantees: a session that has not found the log sound appends nothing (LG009); a repair makes another log of it, so
//! that checkpoints elsewhere notice.

use tokio_postgres::Row;

use super::connect::{ConnectError, ConnectOptions, connect};
use super::schema::{MigrateError, SchemaName, require_current};
use super::statements::{Statement, Statements};

/// Something that is wrong with a log: nothing is appended before it is repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFinding {
    /// One word for it, such as `sequence-behind`.
    pub finding: String,
    /// What was found.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// Why a log was not examined or repaired. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The schema is absent, too old, too new or damaged.
    #[error(transparent)]
    Schema(#[from] MigrateError),
    /// Somebody else than the log's owner wants to repair it.
    #[error("a log is repaired by its owner: connect as the role that migrated it")]
    NotTheOwner(#[source] tokio_postgres::Error),
    /// The database failed.
    #[error("log cannot be examined or repaired")]
    Database(#[source] tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for RepairError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("42501") => Self::NotTheOwner(error),
            _ => Self::Database(error),
        }
    }
}

/// Tells what is wrong with a log; nothing when it is sound.
///
/// # Errors
///
/// [`RepairError`].
pub async fn examine_log(
    options: &ConnectOptions,
    schema: &SchemaName,
) -> Result<Vec<LogFinding>, RepairError> {
    Ok(findings(&ask(options, schema, |statements| &statements.examine_log).await?)?)
}

/// Reads rows of `examine_log.sql`.
pub(super) fn findings(rows: &[Row]) -> Result<Vec<LogFinding>, tokio_postgres::Error> {
    let finding = |row: &Row| -> Result<LogFinding, tokio_postgres::Error> {
        Ok(LogFinding { finding: row.try_get(0)?, detail: row.try_get(1)?, remedy: row.try_get(2)? })
    };
    rows.iter().map(finding).collect()
}

/// Makes a log sound again, as its owner; returns what was done, a line each.
///
/// Appends wait meanwhile, for as long as it takes to look at the end of two tables. The log gets a new lineage: checkpoints
/// in its own database go on where the event stands that they name, all others find that it is another log.
///
/// # Errors
///
/// [`RepairError`].
pub async fn repair_log(options: &ConnectOptions, schema: &SchemaName) -> Result<Vec<String>, RepairError> {
    let rows = ask(options, schema, |statements| &statements.repair_log).await?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

async fn ask(
    options: &ConnectOptions,
    schema: &SchemaName,
    statement: impl Fn(&Statements) -> &Statement,
) -> Result<Vec<Row>, RepairError> {
    let client = connect(options).await?.into_client();
    require_current(&client, schema).await?;
    Ok(client.query_typed(statement(&Statements::new(schema)), &[]).await?)
}
