//! The server that is measured: durable, private, stopped at the end however that comes.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use annals_devdb::{PrivateServer, Profile, Server};

use crate::Outcome;
use crate::database::{Database, connect};
use crate::options::Options;

/// Below the build's own folder: a temporary folder may be in memory, where nothing is durable.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/bench-log");

/// Connections beyond those that measure: wake-ups, setup, whoever looks on.
const CONNECTIONS_TO_SPARE: usize = 20;

/// The settings that decide what a commit costs.
const TELLING_SETTINGS: [&str; 10] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "wal_sync_method",
    "commit_delay",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum",
];

/// A durable server of the benchmark's own.
#[derive(Debug)]
pub(crate) struct BenchServer {
    // Dropped in this order: the server goes, then its folder, then the lock.
    server: PrivateServer,
    folder: Folder,
    _alone: File,
}

/// What is said about the server beside the results.
#[derive(Debug)]
pub(crate) struct ServerFacts {
    pub(crate) version: String,
    pub(crate) settings: Vec<(String, String)>,
}

impl BenchServer {
    /// Starts the server, in a folder without data.
    pub(crate) async fn start(options: &Options) -> Outcome<Self> {
        fs::create_dir_all(FOLDER)?;
        let alone = lock(Path::new(FOLDER))?;
        let folder = Folder(Path::new(FOLDER).join("server"));
        folder.clear()?;
        let most = options.connections.iter().max().copied().unwrap_or(1);
        let connections = (2 * most + CONNECTIONS_TO_SPARE).to_string();
        let mut settings = vec![("max_connections", connections.as_str())];
        settings.extend(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let server = Server::private(Profile::Durable, &folder.0, &settings).await?;
        Ok(Self { server, folder, _alone: alone })
    }

    /// Makes a database with an empty log and an empty floor beside it.
    pub(crate) async fn database(&self, name: &str, options: &Options) -> Outcome<Database> {
        self.server.server().ensure_database(name).await?;
        Database::prepare(self.server.url(name), options).await
    }

    /// Returns the server itself.
    pub(crate) fn server(&self) -> &Server {
        self.server.server()
    }

    /// Asks the server what it is.
    pub(crate) async fn facts(&self) -> Outcome<ServerFacts> {
        let client = connect(&self.server.url("postgres")).await?;
        let mut settings = Vec::new();
        for name in TELLING_SETTINGS {
            let row = client.query_one("select current_setting($1)", &[&name]).await?;
            settings.push((name.to_owned(), row.get(0)));
        }
        let version = client.query_one("select current_setting('server_version')", &[]).await?.get(0);
        Ok(ServerFacts { version, settings })
    }

    /// Stops the server and removes its folder.
    pub(crate) async fn stop(mut self) -> Outcome {
        self.server.stop().await?;
        self.folder.clear()
    }
}

/// The server's folder; removed with the value.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn clear(&self) -> Outcome {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("cannot remove {}: {error}", self.0.display()).into())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is removed by the next run.
        let _ = self.clear();
    }
}

/// Makes sure that no other benchmark runs: the two would measure each other.
fn lock(folder: &Path) -> Outcome<File> {
    let file = File::create(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another benchmark of the log is running".into()),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}
