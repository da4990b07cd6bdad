//! A server that takes connections, wherever it came from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_postgres::error::SqlState;

use crate::{
    binaries::Binaries,
    connection::{self, identifier},
    database_url::{DatabaseUrl, percent_encoded},
    environment::Environment,
    error::{DatabaseError, StartError},
    home::Home,
    postmaster,
    private_server::PrivateServer,
    probe::USER,
    profile::Profile,
    shared, sweep,
    version::PostgresVersion,
};

/// A PostgreSQL server that takes connections: ours, or that of `DATABASE_URL`.
///
/// Cheap to clone. It keeps running when the last clone is dropped: the next process will want it too.
#[derive(Debug, Clone)]
pub struct Server(Arc<Address>);

#[derive(Debug)]
enum Address {
    External { url: DatabaseUrl, version: PostgresVersion },
    Own { home: Home, socket: PathBuf, binaries: Binaries },
}

impl Server {
    /// Returns the server of a profile that all processes of this user share, and starts it if need be.
    ///
    /// Takes about 3 ms while the server runs, half a second to start one from nothing. A second call in the same
    /// process only looks whether the server still lives.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what was tried and what to type.
    pub async fn shared(profile: Profile) -> Result<Server, StartError> {
        shared::server(profile, &Environment::read()).await
    }

    /// Returns the shared server of another environment than the process's own.
    ///
    /// # Errors
    ///
    /// As [`Server::shared`].
    pub async fn shared_in(profile: Profile, environment: &Environment) -> Result<Server, StartError> {
        shared::server(profile, environment).await
    }

    /// Starts a server of the caller's own, in a folder and with settings of the caller's own.
    ///
    /// See [`PrivateServer`]. `DATABASE_URL` plays no part in it, `ANNALS_PG` does.
    ///
    /// # Errors
    ///
    /// As [`Server::shared`].
    pub async fn private(
        profile: Profile,
        folder: impl Into<PathBuf>,
        settings: &[(&str, &str)],
    ) -> Result<PrivateServer, StartError> {
        PrivateServer::start_in(profile, folder.into(), settings, &Environment::read()).await
    }

    /// Returns the URL of a database on this server, password and all.
    ///
    /// A server of ours is reached through its socket: `postgres://annals@%2Ftmp%2Frun/database`. For a
    /// `DATABASE_URL` it is that URL, or that `key=value` string, with the database replaced.
    pub fn url(&self, database: &str) -> String {
        match &*self.0 {
            Address::External { url, .. } => url.with_database(database),
            Address::Own { socket, .. } => {
                let host = percent_encoded(&socket.display().to_string());
                format!("postgres://{USER}@{host}/{}", percent_encoded(database))
            }
        }
    }

    /// Makes a database if it is missing. Many may ask for the same one at once.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the server cannot be reached or refuses.
    pub async fn ensure_database(&self, database: &str) -> Result<(), DatabaseError> {
        let failed = |source| DatabaseError::Statement {
            action: "make database",
            database: database.to_owned(),
            source,
        };
        let client = connection::maintenance(self).await?;
        let found = client.query_opt("select 1 from pg_database where datname = $1", &[&database]).await;
        if found.map_err(failed)?.is_some() {
            return Ok(());
        }
        match client.batch_execute(&format!("create database {}", identifier(database))).await {
            // Somebody else was quicker: seen by the name check, or by the unique index under it.
            Err(error)
                if [Some(&SqlState::DUPLICATE_DATABASE), Some(&SqlState::UNIQUE_VIOLATION)]
                    .contains(&error.code()) =>
            {
                Ok(())
            }
            other => other.map_err(failed),
        }
    }

    /// Drops the test databases of dead processes, those kept for more than a day, and templates out of use.
    ///
    /// Test databases do so beside their test now and then; this is for those who want it done now. Returns the names
    /// of what was dropped.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the server cannot be reached or asked.
    pub async fn sweep(&self) -> Result<Vec<String>, DatabaseError> {
        sweep::sweep(self, None).await
    }

    /// Returns the programs that this server was started from; `None` for the server of a `DATABASE_URL`.
    pub fn binaries(&self) -> Option<&Binaries> {
        match &*self.0 {
            Address::External { .. } => None,
            Address::Own { binaries, .. } => Some(binaries),
        }
    }

    /// Returns the version that the server reported.
    pub fn version(&self) -> PostgresVersion {
        match &*self.0 {
            Address::External { version, .. } => *version,
            Address::Own { binaries, .. } => binaries.version(),
        }
    }

    /// Returns the data folder; `None` for the server of a `DATABASE_URL`.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.home().map(Home::data)
    }

    /// Returns the server's log file; `None` for the server of a `DATABASE_URL`.
    pub fn log_file(&self) -> Option<PathBuf> {
        self.home().map(Home::log)
    }

    /// Returns the folder of the socket; `None` for the server of a `DATABASE_URL`.
    pub fn socket_dir(&self) -> Option<&Path> {
        match &*self.0 {
            Address::External { .. } => None,
            Address::Own { socket, .. } => Some(socket),
        }
    }

    /// Returns the process id of the postmaster; `None` for the server of a `DATABASE_URL`, or when it is gone.
    pub fn pid(&self) -> Option<u32> {
        self.home().and_then(postmaster::living)
    }

    pub(crate) fn own(home: Home, socket: PathBuf, binaries: Binaries) -> Server {
        Server(Arc::new(Address::Own { home, socket, binaries }))
    }

    pub(crate) fn external(url: DatabaseUrl, version: PostgresVersion) -> Server {
        Server(Arc::new(Address::External { url, version }))
    }

    /// The URL as it was given, of a server that is not ours.
    pub(crate) fn own_url(&self) -> Option<&DatabaseUrl> {
        match &*self.0 {
            Address::External { url, .. } => Some(url),
            Address::Own { .. } => None,
        }
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(&*self.0, Address::Own { .. })
    }

    /// The file whose time tells when the server was last swept.
    pub(crate) fn swept_file(&self) -> Option<PathBuf> {
        self.home().map(Home::swept)
    }

    /// True unless this is a server of ours whose process is gone.
    pub(crate) fn is_there(&self) -> bool {
        self.home().is_none_or(|home| postmaster::living(home).is_some())
    }

    fn home(&self) -> Option<&Home> {
        match &*self.0 {
            Address::External { .. } => None,
            Address::Own { home, .. } => Some(home),
        }
    }
}
