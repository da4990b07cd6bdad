//! What is said of schemas: who touched one, what stands on it, who may do what with it.

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::{Error, Row, Transaction};

use crate::statements::Statements;

/// Lists the tables of a schema that a transaction has named.
pub(super) async fn touched(
    transaction: &Transaction<'_>,
    statements: &Statements,
    schema: &SchemaName,
) -> Result<Vec<String>, Error> {
    texts(&statements.touched.query(transaction, &[&schema.as_str()]).await?)
}

/// Lists what would go on standing on what is replaced, or be gone.
pub(super) async fn dependants(
    transaction: &Transaction<'_>,
    statements: &Statements,
    live: &SchemaName,
    shadow: &SchemaName,
) -> Result<Vec<String>, Error> {
    texts(&statements.dependants.query(transaction, &[&live.as_str(), &shadow.as_str()]).await?)
}

/// Gives one schema the rights of another, and its owners where that is asked for.
pub(super) async fn carry_rights(
    transaction: &Transaction<'_>,
    statements: &Statements,
    (from, to): (&SchemaName, &SchemaName),
    with_owners: bool,
) -> Result<(), Error> {
    let rights = &statements.rights_of_schema;
    let rows = rights.query(transaction, &[&from.as_str(), &to.as_str(), &with_owners]).await?;
    transaction.batch_execute(&texts(&rows)?.join(";\n")).await
}

fn texts(rows: &[Row]) -> Result<Vec<String>, Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}
