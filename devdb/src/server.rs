//! A server that takes connections, wherever it came from: where it is, and what it is.
//!
//! Leaves to others, where the rest of `impl Server` stands: finding and starting one (`shared`, `private_server`),
//! making a database on it (`ensure_database`), dropping those that nobody wants any more (`sweep`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    binaries::Binaries,
    database_url::{DatabaseUrl, url},
    home::Home,
    postmaster,
    probe::USER,
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
    /// Returns the URL of a database on this server, password and all.
    ///
    /// A server of ours is reached through its socket: `postgres://annals@%2Ftmp%2Frun/database`. For a
    /// `DATABASE_URL` it is that URL, or that `key=value` string, with the database replaced.
    pub fn url(&self, database: &str) -> String {
        match &*self.0 {
            Address::External { url, .. } => url.with_database(database),
            Address::Own { socket, .. } => url::through_socket(USER, socket, database),
        }
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
