//! A server of a test's own, whose backends may be ended while they work.

use std::path::PathBuf;
use std::time::Duration;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure, TestResult};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, SchemaName, StoreConfig, connect, migrate};

/// Commits that wait for the disk: that is when most kills find them, their records written already.
const DURABLE: &[(&str, &str)] = &[("fsync", "on"), ("synchronous_commit", "on")];

/// A backend that works at the moment, and a number up to 3000.
const BUSY: &str = "select pid, (random() * 3000)::integer from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid() and state = 'active'
                    order by random() limit 1";

/// A durable server with an empty log, whose backends may be ended; gone with the value.
pub(crate) struct DoomedServer {
    server: PrivateServer,
    folder: PathBuf,
}

impl DoomedServer {
    /// Starts it; the name tells it from the servers of other tests of this process.
    pub(crate) async fn start(name: &str) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let server = Server::private(Profile::Test, &folder, DURABLE).await?;
        server.server().ensure_database("shop").await?;
        migrate(&server.url("shop").parse()?, &SchemaName::default()).await?;
        Ok(Self { server, folder })
    }

    /// Returns how to connect to the database that holds the log.
    pub(crate) fn options(&self) -> Result<ConnectOptions, TestFailure> {
        Ok(self.server.url("shop").parse()?)
    }

    /// Returns how to open the log, without wake-ups.
    pub(crate) fn config(&self) -> Result<StoreConfig, TestFailure> {
        Ok(StoreConfig { notify: false, ..StoreConfig::new(self.options()?) })
    }

    /// Opens the log as a process of its own would.
    pub(crate) async fn store(&self) -> Result<PostgresStore, TestFailure> {
        Ok(PostgresStore::open(self.config()?).await?)
    }

    /// Kills a backend that works, at a random moment, as the kernel would; returns once the server, which restarts
    /// all of them, is there again.
    pub(crate) async fn kill_one(&self) -> TestResult {
        let options = self.options()?;
        let client = connect(&options).await?.into_client();
        // A moment within some appends; random, so that kills fall everywhere.
        let (pid, microseconds): (i32, i32) = loop {
            if let Some(row) = client.query_opt(BUSY, &[]).await? {
                break (row.get(0), row.get(1));
            }
            tokio::task::yield_now().await;
        };
        tokio::time::sleep(Duration::from_micros(microseconds.unsigned_abs().into())).await;
        let killed = tokio::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().await?;
        if !killed.success() {
            // It ended by itself.
            return Ok(());
        }
        while client.simple_query("select 1").await.is_ok() {
            tokio::task::yield_now().await;
        }
        while connect(&options).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Ends the session of a backend that works.
    pub(crate) async fn terminate_one(&self) -> TestResult {
        let client = connect(&self.options()?).await?.into_client();
        loop {
            if let Some(row) = client.query_opt(BUSY, &[]).await? {
                client.execute("select pg_terminate_backend($1)", &[&row.get::<_, i32>(0)]).await?;
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns once no session of anybody else's is left: nothing that was sent before can still be stored.
    pub(crate) async fn until_alone(&self) -> TestResult {
        let client = connect(&self.options()?).await?.into_client();
        let others = "select count(*) from pg_stat_activity
                      where datname = current_database() and pid <> pg_backend_pid()
                        and backend_type = 'client backend'";
        while client.query_one(others, &[]).await?.get::<_, i64>(0) > 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Drop for DoomedServer {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
