//! The server that is stressed, and when the stress is over.

use std::path::PathBuf;
use std::time::Duration;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectError, PoolOptions, SchemaName, StoreConfig, connect, migrate};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::tally::Tally;
use crate::support::Ran;

/// A server of the test's own, for backends are killed on it, and all connections with them.
pub(super) struct Ground {
    pub(super) tally: Tally,
    pub(super) until: Instant,
    url: String,
    elsewhere: String,
    /// True once nobody writes any more and every reader has read everything.
    pub(super) is_read: watch::Sender<bool>,
    /// Counts crashes of the server, each from right before it.
    pub(super) crashes: watch::Sender<u64>,
    server: PrivateServer,
    // Behind the server: what is dropped later.
    _folder: Folder,
    _ran: Option<Ran>,
}

/// A folder that goes with its value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Ground {
    pub(super) async fn open(length: Duration) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-stress-{}", std::process::id()));
        let folder = Folder(folder);
        let server = Server::private(Profile::Test, &folder.0, &[]).await?;
        let url = server.url("postgres");
        migrate(&url.parse()?, &SchemaName::default()).await?;
        let owner = connect(&url.parse()?).await?.into_client();
        owner.batch_execute("create table bystanders (name text)").await?;
        owner.batch_execute("create database elsewhere").await?;
        let elsewhere = server.url("elsewhere");
        let client = connect(&elsewhere.parse()?).await?.into_client();
        client.batch_execute("create table bystanders (name text)").await?;
        let ran = Ran::on_server_of(&owner).await?;
        let (tally, until) = (Tally::default(), Instant::now() + length);
        let (is_read, crashes) = (watch::Sender::new(false), watch::Sender::new(0));
        Ok(Self { tally, until, url, elsewhere, is_read, crashes, server, _folder: folder, _ran: ran })
    }

    /// True when it is time to end.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Connects to the log's database; while the server starts again it says why it cannot.
    pub(super) async fn connect(&self) -> Result<Client, ConnectError> {
        let options = self.url.parse().expect("the URL of a server of ours");
        Ok(connect(&options).await?.into_client())
    }

    /// Connects, however often it takes.
    pub(super) async fn connect_at_last(&self) -> Client {
        loop {
            match self.connect().await {
                Ok(client) => return client,
                Err(_) => self.tally.count("connections refused"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Connects to another database of the same server.
    pub(super) async fn connect_elsewhere(&self) -> Result<Client, ConnectError> {
        let options = self.elsewhere.parse().expect("the URL of a server of ours");
        Ok(connect(&options).await?.into_client())
    }

    /// Opens the log as a process of its own would.
    pub(super) async fn store(&self) -> Result<PostgresStore, TestFailure> {
        let config = StoreConfig {
            pool: PoolOptions { max_size: 4, ..PoolOptions::default() },
            poll_interval: Duration::from_millis(100),
            ..StoreConfig::new(self.url.parse()?)
        };
        Ok(PostgresStore::open(config).await?)
    }

    /// Stops the server; its folder goes too.
    pub(super) async fn close(mut self) -> Result<(), TestFailure> {
        Ok(self.server.stop().await?)
    }
}
