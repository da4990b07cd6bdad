//! A database of the benchmark: the log, and the floor's table beside it.

use std::sync::Arc;

use annals::eventstore::PostgresStore;
use annals::eventstore::postgres::{PoolOptions, SchemaName, StoreConfig, migrate};
use tokio_postgres::{Client, NoTls};

use crate::options::Options;
use crate::{Outcome, floor};

/// A database with a log and a floor.
#[derive(Debug)]
pub(crate) struct Database {
    url: String,
    notify: bool,
}

impl Database {
    pub(crate) async fn prepare(url: String, options: &Options) -> Outcome<Self> {
        migrate(&url.parse()?, &SchemaName::default()).await?;
        let client = connect(&url).await?;
        client.batch_execute(floor::DDL).await?;
        if let Some(file) = &options.sql {
            client.batch_execute(&std::fs::read_to_string(file)?).await?;
        }
        Ok(Self { url, notify: options.notify })
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Opens the log with as many connections as will append or read at once.
    pub(crate) async fn store(&self, connections: usize) -> Outcome<PostgresStore> {
        let config = StoreConfig {
            pool: PoolOptions { max_size: connections, ..PoolOptions::default() },
            notify: self.notify,
            ..StoreConfig::new(self.url.parse()?)
        };
        Ok(PostgresStore::open(config).await?)
    }

    /// Opens as many connections for the floor.
    pub(crate) async fn clients(&self, connections: usize) -> Outcome<Vec<Arc<Client>>> {
        let mut clients = Vec::with_capacity(connections);
        for _ in 0..connections {
            clients.push(Arc::new(connect(&self.url).await?));
        }
        Ok(clients)
    }

    /// Counts rows.
    pub(crate) async fn count(&self, table: &str) -> Outcome<u64> {
        let client = connect(&self.url).await?;
        let row = client.query_one(&format!("select count(*) from {table}"), &[]).await?;
        Ok(u64::try_from(row.get::<_, i64>(0))?)
    }

    /// Fails when a table does not hold as many rows as were acknowledged.
    pub(crate) async fn require(&self, table: &str, acknowledged: u64) -> Outcome {
        let stored = self.count(table).await?;
        if stored == acknowledged {
            return Ok(());
        }
        Err(format!("{table} holds {stored} events, {acknowledged} were acknowledged").into())
    }

    /// Brings the planner's numbers and the visibility map up to date.
    pub(crate) async fn vacuum(&self) -> Outcome {
        Ok(connect(&self.url).await?.batch_execute("vacuum analyze").await?)
    }
}

/// Opens a plain connection of the driver.
pub(crate) async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends with the client; its errors come back from the client's calls.
    tokio::spawn(connection);
    Ok(client)
}
