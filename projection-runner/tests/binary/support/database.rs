//! A database with a log, on a server that is shared, or on one of a test's own.

use std::path::PathBuf;

use annals_devdb::{PrivateServer, Profile, Server, Template, TestDatabase, TestFailure, TestResult};
use annals_eventstore::postgres::{
    SchemaName, connect, migrate, migrate_read_models, migrations_fingerprint,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::SOON;

/// A database with an empty log.
pub(crate) struct Log(TestDatabase);

impl Log {
    /// Makes a database as a copy of a migrated one.
    pub(crate) async fn fresh() -> Result<Self, TestFailure> {
        let template = Template::new("log", &migrations_fingerprint());
        let setup = |url: String| async move {
            let options = url.parse().map_err(Box::<dyn std::error::Error + Send + Sync>::from)?;
            migrate(&options, &SchemaName::default()).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        Ok(Self(TestDatabase::create(&template, setup).await?))
    }

    /// Makes a database without a log.
    pub(crate) async fn absent() -> Result<Self, TestFailure> {
        Ok(Self(TestDatabase::empty().await?))
    }

    /// Makes a database for the read models of a log that is elsewhere.
    pub(crate) async fn read_models() -> Result<Self, TestFailure> {
        let database = Self::absent().await?;
        migrate_read_models(&database.url().parse()?, &SchemaName::default()).await?;
        Ok(database)
    }

    pub(crate) fn url(&self) -> &str {
        self.0.url()
    }

    pub(crate) async fn connect(&self) -> Result<Client, TestFailure> {
        Ok(connect(&self.url().parse()?).await?.into_client())
    }
}

/// A server of one test's own, with an empty log.
pub(crate) struct OwnServer {
    pub(crate) server: PrivateServer,
    folder: PathBuf,
}

impl OwnServer {
    pub(crate) async fn start(name: &str) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-runner-{name}-{}", std::process::id()));
        let server = Server::private(Profile::Test, &folder, &[]).await?;
        server.server().ensure_database("shop").await?;
        migrate(&server.url("shop").parse()?, &SchemaName::default()).await?;
        Ok(Self { server, folder })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("shop")
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Appends an event as a program in another language does, and wakes readers.
pub(crate) async fn append(client: &Client, stream: &str, event_type: &str, data: &str) -> TestResult {
    let events = format!(r#"[{{"type": "{event_type}", "data": {data}}}]"#);
    let sql = "select from annals.append($1, -2, $2::text::json)";
    client.query(sql, &[&stream, &events]).await?;
    client.batch_execute("select annals.wake()").await?;
    Ok(())
}

/// Waits until a query says something.
pub(crate) async fn until(client: &Client, sql: &str, says: &str) -> TestResult {
    let mut said = String::new();
    let asking = async {
        loop {
            said = client.query_opt(sql, &[]).await?.and_then(|row| row.get(0)).unwrap_or_default();
            if said == says {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, asking)
        .await
        .unwrap_or_else(|_| Err(format!("it says {said:?}, not {says:?}: {sql}").into()))
}
