//! A connection of the driver, for what tests ask a server.

use tokio_postgres::{Client, Error, NoTls};

/// Connects; the connection ends with the client.
pub(crate) async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Fills a template: one table, one row.
pub(crate) async fn fill(url: String) -> Result<(), Error> {
    connect(&url).await?.batch_execute("create table filled (id int); insert into filled values (1)").await
}

/// Returns the names of all databases of a server.
pub(crate) async fn databases(server: &annals_devdb::Server) -> Result<Vec<String>, Error> {
    let rows =
        connect(&server.url("postgres")).await?.query("select datname::text from pg_database", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
