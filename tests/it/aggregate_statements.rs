//! What a command costs, counted by the server: one statement where the aggregate is warm.

use std::path::PathBuf;

use annals::aggregates::{CacheOptions, Context, HandleOptions, Handles, Repository, SnapshotPolicy};
use annals::eventstore::PostgresStore;
use annals::eventstore::postgres::{SchemaName, StoreConfig, migrate};
use annals_devdb::{PrivateServer, Profile, Server, TestFailure, TestResult};
use tokio_postgres::Client;

use crate::support::{Counter, TestDb};

/// A server that counts statements.
struct Counting {
    server: PrivateServer,
    folder: PathBuf,
}

impl Counting {
    async fn start() -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-statements-{}", std::process::id()));
        let settings = [("shared_preload_libraries", "pg_stat_statements")];
        let server = Server::private(Profile::Test, &folder, &settings).await?;
        server.server().ensure_database("shop").await?;
        migrate(&server.url("shop").parse()?, &SchemaName::default()).await?;
        Ok(Self { server, folder })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        // What is left behind lies in the folder of temporary files.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Runs some commands, and returns how many statements the server has seen meanwhile.
async fn counted<F: Future<Output = TestResult>>(client: &Client, commands: F) -> Result<i64, TestFailure> {
    client.execute("select pg_stat_statements_reset()", &[]).await?;
    commands.await?;
    let seen = "select coalesce(sum(calls), 0)::bigint from pg_stat_statements
                where query not like '%pg_stat_statements%' and query not like 'BEGIN%' and toplevel";
    Ok(client.query_one(seen, &[]).await?.get(0))
}

#[tokio::test]
async fn an_accepted_command_on_a_warm_aggregate_is_one_statement_and_a_cold_load_another() -> TestResult {
    let db = TestDb::fresh().await?;
    let available = db.connect().await?;
    let named = "select from pg_available_extensions where name = 'pg_stat_statements'";
    if available.query(named, &[]).await?.is_empty() {
        println!("skipped: 1 (pg_stat_statements is not installed)");
        return Ok(());
    }
    let counting = Counting::start().await?;
    let url = counting.server.url("shop");
    let client = annals::eventstore::postgres::connect(&url.parse()?).await?.into_client();
    client.batch_execute("create extension pg_stat_statements").await?;
    // Neither wakes anybody nor publishes the head: those come once per interval, not per command.
    let quiet = StoreConfig { notify: false, publish_head: None, ..StoreConfig::new(url.parse()?) };
    let store = PostgresStore::open(quiet).await?;
    let context = Context::new();
    let plain = || Repository::<Counter, _>::new(store.clone());
    let (cached, handles) =
        (plain().with_cache(CacheOptions::default()), Handles::new(plain(), HandleOptions::default()));
    cached.execute(&1, 1, &context).await?;
    handles.execute(&2, 1, &context).await?;

    let on_cache = counted(&client, async {
        for _ in 0..50 {
            cached.execute(&1, 1, &context).await?;
        }
        Ok(())
    });
    let on_cache = on_cache.await?;
    let on_handle = counted(&client, async {
        for _ in 0..50 {
            handles.execute(&2, 1, &context).await?;
        }
        Ok(())
    });
    let on_handle = on_handle.await?;
    let cold = plain().with_snapshots(SnapshotPolicy::every(1000));
    let when_cold = counted(&client, async {
        for _ in 0..10 {
            cold.execute(&1, 1, &context).await?;
        }
        Ok(())
    });
    let when_cold = when_cold.await?;

    println!(
        "statements: 50 commands on a cache {on_cache}, on a handle {on_handle}; 10 cold ones {when_cold}"
    );
    assert_eq!((on_cache, on_handle, when_cold), (50, 50, 20));
    handles.shut_down().await;
    store.close().await;
    Ok(())
}
