//! How a transaction is set up for a projection: its schema first, its statements ended when they take too long.

use std::time::Duration;

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::{Error, Transaction};

/// Returns what puts the projection's schema first for the rest of a transaction. Functions of extensions are commonly
/// in `public`; tables that a session made for itself come last. Literals are read as `token` cuts them.
pub(super) fn search_path(schema: &SchemaName) -> String {
    format!(
        "set local search_path = \"{schema}\", public, pg_temp; set local standard_conforming_strings = on"
    )
}

/// Returns the same, and what ends a statement that takes too long. One that only waits for a lock is ended
/// earlier, with an error after which the batch is tried again.
pub(super) fn settings(schema: &SchemaName, statement_timeout: Duration) -> String {
    let milliseconds = statement_timeout.as_millis().clamp(2, 2_000_000_000);
    let (search_path, lock_milliseconds) = (search_path(schema), milliseconds / 2);
    format!(
        "{search_path}; set local statement_timeout = {milliseconds}; set local lock_timeout = {lock_milliseconds}"
    )
}

/// Returns what a transaction has named that is not in the projection's schema. What is only read counts where
/// `before` is not given; where it is, these are the relations that were there.
pub(super) async fn outside(
    transaction: &Transaction<'_>,
    schema: &SchemaName,
    before: Option<&[u32]>,
) -> Result<Vec<String>, Error> {
    let counts_reads = before.is_none();
    let sql = include_str!("outside.sql");
    let rows =
        transaction.query(sql, &[&schema.as_str(), &counts_reads, &before.unwrap_or_default()]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Returns the relations that are not in the projection's schema.
pub(super) async fn outside_before(
    transaction: &Transaction<'_>,
    schema: &SchemaName,
) -> Result<Vec<u32>, Error> {
    let row = transaction.query_one(include_str!("outside_before.sql"), &[&schema.as_str()]).await?;
    Ok(row.get(0))
}
