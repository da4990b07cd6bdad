//! The mark on a projection's schema: which files filled its tables.
//!
//! It is the schema's comment, so that it goes wherever the tables go: into a dump, or under another name. Whoever edits
//! the files is told, before events of two kinds stand in one table.

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::{Error, Transaction};

use super::fault::FaultReason;
use super::projection::SqlProjection;

/// What the comment begins with.
const MARK: &str = "Annals projection";

/// Returns what a projection leaves on its schema.
fn mark(projection: &SqlProjection) -> String {
    format!("{MARK} {} version {} {}", projection.name(), projection.version(), projection.fingerprint())
}

/// Whose mark is on a schema.
#[derive(Debug)]
pub(super) enum Marked {
    /// Nobody's.
    Nobodys,
    /// That of this projection, with these files.
    Its,
    /// Another one's, or with other files.
    Strangers(FaultReason),
}

/// Reads the mark on the schema of a projection.
pub(super) async fn read(transaction: &Transaction<'_>, projection: &SqlProjection) -> Result<Marked, Error> {
    let sql = "select pg_catalog.obj_description(oid, 'pg_namespace') from pg_catalog.pg_namespace where nspname = $1";
    let row = transaction.query_opt(sql, &[&projection.schema().as_str()]).await?;
    let found: Option<String> = row.and_then(|row| row.get(0));
    let Some(of) = found.as_deref().and_then(|comment| comment.strip_prefix(MARK)) else {
        return Ok(Marked::Nobodys);
    };
    let (name, rest) = of.trim_start().split_once(" version ").unwrap_or_default();
    let (version, fingerprint) = rest.split_once(' ').unwrap_or_default();
    let schema = || -> SchemaName { projection.schema().clone() };
    Ok(if name != projection.name() || version != projection.version().to_string() {
        let (name, version) = (name.to_owned(), version.to_owned());
        Marked::Strangers(FaultReason::FilledByOther { schema: schema(), name, version })
    } else if fingerprint != projection.fingerprint().to_string() {
        Marked::Strangers(FaultReason::Edited { schema: schema(), version: projection.version() })
    } else {
        Marked::Its
    })
}

/// Leaves the mark.
pub(super) async fn leave(transaction: &Transaction<'_>, projection: &SqlProjection) -> Result<(), Error> {
    // Names and fingerprints hold no quote.
    let sql = format!("comment on schema \"{}\" is '{}'", projection.schema(), mark(projection));
    transaction.batch_execute(&sql).await
}
