//! A server that crashes forgets positions that were drawn and rolled back, and draws them again. Nobody who read
//! before goes on behind them.
//!
//! What a rollback has written is flushed by the WAL writer sooner or later. The test stops that process, and then
//! kills it, which makes the server end all sessions and recover from what is on the disk.

use std::path::PathBuf;
use std::time::Duration;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure, TestResult};
use annals_eventstore::postgres::{ConnectOptions, SchemaName, StoreConfig, connect, migrate};
use annals_eventstore::{
    Append, Appended, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore, Subscription,
};
use tokio::time::timeout;
use tokio_postgres::Client;

const SOON: Duration = Duration::from_secs(30);

/// Draws more positions than the sequence writes ahead.
const ROLLED_BACK: &str = "begin;
    select annals.append('gone-1', -2,
        (select json_agg(json_build_object('type', 'noted', 'data', n)) from generate_series(1, 100) as n));
    rollback";

/// A server of the test's own, which may crash.
struct Doomed {
    server: PrivateServer,
    folder: PathBuf,
}

impl Doomed {
    async fn start() -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-forgets-{}", std::process::id()));
        let server = Server::private(Profile::Test, &folder, &[("autovacuum", "off")]).await?;
        server.server().ensure_database("shop").await?;
        migrate(&server.url("shop").parse()?, &SchemaName::default()).await?;
        Ok(Self { server, folder })
    }

    async fn store(&self) -> Result<PostgresStore, TestFailure> {
        let config = StoreConfig {
            notify: false,
            publish_head: None,
            ..StoreConfig::new(self.server.url("shop").parse()?)
        };
        Ok(PostgresStore::open(config).await?)
    }

    async fn client(&self) -> Result<Client, TestFailure> {
        let options: ConnectOptions = self.server.url("shop").parse()?;
        Ok(connect(&options).await?.into_client())
    }

    /// Sends a signal to the process that flushes what nobody waits for.
    async fn signal_wal_writer(&self, client: &Client, signal: &str) -> TestResult {
        let pid = "select pid from pg_stat_activity where backend_type = 'walwriter'";
        let pid: i32 = client.query_one(pid, &[]).await?.get(0);
        let sent = tokio::process::Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        assert!(sent.success(), "the WAL writer got no {signal}");
        Ok(())
    }

    /// Crashes the server; returns once it is there again.
    async fn crash(&self, client: &Client) -> TestResult {
        self.signal_wal_writer(client, "-KILL").await?;
        while client.simple_query("select 1").await.is_ok() {
            tokio::task::yield_now().await;
        }
        let options: ConnectOptions = self.server.url("shop").parse()?;
        while connect(&options).await.is_err() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn append<S: EventStore>(store: &S) -> Result<Appended, TestFailure> {
    loop {
        let append = Append::to("account-1".parse()?, [NewEvent::new("noted", &())?]);
        match store.append(append).await {
            // A pooled connection of before the crash.
            Err(error) if error.is_transient() => tokio::task::yield_now().await,
            answer => return Ok(answer?),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_at_a_position_that_was_rolled_back_and_forgotten_in_a_crash_is_delivered() -> TestResult {
    let doomed = Doomed::start().await?;
    let (store, client) = (doomed.store().await?, doomed.client().await?);
    let first = append(&store).await?;

    doomed.signal_wal_writer(&client, "-STOP").await?;
    client.batch_execute(ROLLED_BACK).await?;
    let drawn: i64 = client.query_one("select last_value from annals.events_position_seq", &[]).await?.get(0);
    let mut subscription = Subscription::after(store.clone(), first.to_position);
    // Reads on, behind what was rolled back, if that were a place to be.
    let early = timeout(Duration::from_millis(100), subscription.next()).await;
    let page = store.read_log(LogQuery::after(first.to_position)).await?;
    let head: i64 = client.query_one("select annals.head()", &[]).await?.get(0);
    doomed.crash(&client).await?;
    let second = append(&doomed.store().await?).await?;

    assert!(i64::from(second.from_position) <= drawn, "the crash forgot nothing: {second:?}");
    let seen = (subscription.position(), page.settled_to, GlobalPosition::try_from(head)?);
    assert_eq!(seen, (first.to_position, first.to_position, first.to_position), "{early:?}");
    let delivered = loop {
        match timeout(SOON, subscription.next()).await? {
            Err(error) if error.is_transient() => tokio::task::yield_now().await,
            page => break page?.log.events,
        }
    };
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].position, second.to_position);
    Ok(())
}
