//! A server of one test's own, with an empty log: for what one cannot do to a shared server.

use std::path::PathBuf;

use annals_devdb::{PrivateServer, Profile, Server, TestFailure};
use annals_eventstore::postgres::{ConnectOptions, SchemaName, connect, migrate};
use tokio_postgres::Client;

use super::ran::Ran;

/// It is stopped, and its folder removed, when it is dropped.
pub(crate) struct OwnServer {
    pub(crate) server: PrivateServer,
    folder: PathBuf,
    _ran: Option<Ran>,
}

impl OwnServer {
    /// Starts a server and migrates a database on it; the name tells its folder from others of this process.
    pub(crate) async fn start(name: &str) -> Result<Self, TestFailure> {
        Self::start_with(name, &[]).await
    }

    /// As [`OwnServer::start`], with settings of its own.
    pub(crate) async fn start_with(name: &str, settings: &[(&str, &str)]) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let server = Server::private(Profile::Test, &folder, settings).await?;
        server.server().ensure_database("shop").await?;
        let options = server.url("shop").parse()?;
        migrate(&options, &SchemaName::default()).await?;
        let ran = Ran::on_server_of(&connect(&options).await?.into_client()).await?;
        Ok(Self { server, folder, _ran: ran })
    }

    /// Returns how to reach the log.
    pub(crate) fn options(&self) -> Result<ConnectOptions, TestFailure> {
        Ok(self.server.url("shop").parse()?)
    }

    /// Opens a connection as the role that owns the log.
    pub(crate) async fn client(&self) -> Result<Client, TestFailure> {
        Ok(connect(&self.options()?).await?.into_client())
    }

    /// Tells where the server keeps its data.
    pub(crate) async fn data_folder(&self) -> Result<PathBuf, TestFailure> {
        let row = self.client().await?.query_one("select current_setting('data_directory')", &[]).await?;
        Ok(row.get::<_, &str>(0).into())
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        // The server may still write while it goes; what is left then is the system's to clean.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
