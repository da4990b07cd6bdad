//! Which files filled the tables in a schema.
//!
//! That is said in the comment of the schema, so that it goes wherever the tables go: into a dump, or under another name. Whoever edits
//! the files is told, before events of two kinds stand in one table.

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::{Error, Transaction};

use super::fault::FaultReason;
use super::projection::SqlProjection;

/// What the comment begins with.
const PREFIX: &str = "Annals projection";

/// Returns what is said of a projection.
fn comment(projection: &SqlProjection) -> String {
    format!("{PREFIX} {} version {} {}", projection.name(), projection.version(), projection.fingerprint())
}

/// Who filled the tables in a schema.
#[derive(Debug)]
pub(super) enum FilledBy {
    /// Nobody is said to have.
    Nobody,
    /// This projection, with these files.
    These,
    /// Another projection, or this one with other files.
    Others(FaultReason),
}

/// Reads who filled the tables in the schema of a projection.
pub(super) async fn read(
    transaction: &Transaction<'_>,
    projection: &SqlProjection,
) -> Result<FilledBy, Error> {
    let sql = "select pg_catalog.obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace where nspname = $1";
    let row = transaction.query_opt(sql, &[&projection.schema().as_str()]).await?;
    let found: Option<String> = row.and_then(|row| row.get(0));
    let Some(of) = found.as_deref().and_then(|comment| comment.strip_prefix(PREFIX)) else {
        return Ok(FilledBy::Nobody);
    };
    let (name, rest) = of.trim_start().split_once(" version ").unwrap_or_default();
    let (version, fingerprint) = rest.split_once(' ').unwrap_or_default();
    let schema = || -> SchemaName { projection.schema().clone() };
    Ok(if name != projection.name() || version != projection.version().to_string() {
        let (name, version) = (name.to_owned(), version.to_owned());
        FilledBy::Others(FaultReason::FilledByOther { schema: schema(), name, version })
    } else if fingerprint != projection.fingerprint().to_string() {
        FilledBy::Others(FaultReason::Edited { schema: schema(), version: projection.version() })
    } else {
        FilledBy::These
    })
}

/// Says that this projection did.
pub(super) async fn say(transaction: &Transaction<'_>, projection: &SqlProjection) -> Result<(), Error> {
    // Names and fingerprints hold no quote.
    let sql = format!("comment on schema \"{}\" is '{}'", projection.schema(), comment(projection));
    transaction.batch_execute(&sql).await
}
