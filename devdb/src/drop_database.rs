//! Drops a database, whoever is connected to it, also when it is a template.

use tokio_postgres::Client;

use crate::sql::identifier;

/// Drops a database and ends the connections into it; one that is not there is no error.
pub(crate) async fn drop_database(client: &Client, name: &str) -> Result<(), tokio_postgres::Error> {
    let found =
        client.query_opt("select datistemplate from pg_database where datname = $1", &[&name]).await?;
    // PostgreSQL drops no template.
    if found.is_some_and(|row| row.get(0)) {
        client.batch_execute(&format!("alter database {} with is_template false", identifier(name))).await?;
    }
    client.batch_execute(&format!("drop database if exists {} with (force)", identifier(name))).await
}
