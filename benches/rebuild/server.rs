//! A durable server of the benchmark's own, stopped at the end.

use std::fs;
use std::path::Path;

use annals::eventstore::PostgresStore;
use annals::eventstore::postgres::{SchemaName, migrate};
use annals_devdb::{PrivateServer, Profile, Server};
use tokio_postgres::{Client, NoTls};

use crate::Outcome;

/// Below the build's own folder: a temporary folder may be in memory, where nothing is durable.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-rebuild");

/// The server, and the database that is measured.
#[derive(Debug)]
pub(crate) struct BenchServer {
    server: PrivateServer,
    url: String,
}

impl BenchServer {
    /// Starts it, in a folder without data.
    pub(crate) async fn start() -> Outcome<Self> {
        if Path::new(FOLDER).exists() {
            fs::remove_dir_all(FOLDER)?;
        }
        let server = Server::private(Profile::Durable, Path::new(FOLDER), &[]).await?;
        server.server().ensure_database("rebuild").await?;
        let url = server.url("rebuild");
        Ok(Self { server, url })
    }

    /// Opens a log in it.
    pub(crate) async fn log(&self) -> Outcome<PostgresStore> {
        migrate(&self.url.parse()?, &SchemaName::default()).await?;
        Ok(PostgresStore::connect(&self.url).await?)
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks which PostgreSQL it is.
    pub(crate) async fn version(&self) -> Outcome<String> {
        let client = connect(&self.server.url("postgres")).await?;
        Ok(client.query_one("show server_version", &[]).await?.get(0))
    }
}

/// Connects to a database.
pub(crate) async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
