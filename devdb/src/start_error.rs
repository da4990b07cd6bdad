//! Why there is no server: what was tried, and what to do now.
//!
//! Guarantees
//! - no message holds a password.

use std::{fmt, io, path::PathBuf, time::Duration};

use crate::{database_url::DatabaseUrl, stop_error::StopError, version::PostgresVersion};

/// One place where PostgreSQL was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Where: a program, a folder, the wheel.
    pub place: String,
    /// Why it was not taken.
    pub reason: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No PostgreSQL programs were found or fetched. Install them with the command given, or set `DATABASE_URL`.
    #[error(
        "no PostgreSQL 15 or later to be had{}\n{advice}\nor set DATABASE_URL to a server that runs",
        listed(attempts)
    )]
    NotFound {
        /// Everything that was tried, in order.
        attempts: Vec<Attempt>,
        /// The command to type on this system.
        advice: String,
    },
    /// The server of `DATABASE_URL` does not answer. Start it, or unset the variable to have one started.
    #[error(
        "the server of DATABASE_URL ({url}) cannot be used; start it, or unset DATABASE_URL to have one started"
    )]
    DatabaseUrl {
        /// The URL; its password is not printed.
        url: DatabaseUrl,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// `DATABASE_URL` demands TLS, which this crate does not have; no connection was tried. Take the `sslmode` out, for a
    /// server that takes plain connections, or unset the variable to have one started.
    #[error(
        "TLS is not available for the development server, and DATABASE_URL ({url}) demands it with sslmode={sslmode}; take that out, or unset DATABASE_URL to have a server started"
    )]
    Tls {
        /// The URL; its password is not printed.
        url: DatabaseUrl,
        /// What the URL says: `require`, `verify-ca` or `verify-full`.
        sslmode: String,
    },
    /// The server is older than version 15. Upgrade it, or unset `DATABASE_URL` to have another one started.
    #[error(
        "PostgreSQL {version} at {place} is too old: Annals needs {} or later",
        PostgresVersion::OLDEST_MAJOR
    )]
    TooOld {
        /// The version found.
        version: PostgresVersion,
        /// Where.
        place: String,
    },
    /// A folder cannot be made or read. Set `ANNALS_DEVDB_DIR` to one that can.
    #[error("cannot use {path}; set ANNALS_DEVDB_DIR to a folder that you may write to")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder is there but belongs to somebody else or is open to others. Remove it, or set `ANNALS_DEVDB_DIR`.
    #[error(
        "{path} is not safe to use: {reason}; remove it, or set ANNALS_DEVDB_DIR to a folder of your own"
    )]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// PostgreSQL refuses to run as root, and no way was found to run it as anyone else.
    #[error(
        "PostgreSQL refuses to run as root, and it cannot be run as anyone else{}\nrun as an ordinary user, or set DATABASE_URL",
        listed(attempts)
    )]
    Root {
        /// The ways that were tried.
        attempts: Vec<Attempt>,
    },
    /// A program could not be run at all.
    #[error("cannot run {program}")]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `initdb` failed; nothing is left behind.
    #[error("initdb in {folder} failed:\n{output}")]
    Initdb {
        /// Where the data folder was to be made.
        folder: PathBuf,
        /// The last lines that it printed.
        output: String,
    },
    /// `pg_basebackup` failed; nothing is left behind.
    #[error("pg_basebackup into {folder} failed:\n{output}")]
    BaseBackup {
        /// Where the data folder was to be made.
        folder: PathBuf,
        /// The last lines that it printed.
        output: String,
    },
    /// The server ended, or did not take connections in time. Read the lines, then `annals dev reset` or repair.
    #[error("PostgreSQL {outcome}; the end of {log}:\n{lines}")]
    NotReady {
        /// How it failed.
        outcome: String,
        /// The log file.
        log: PathBuf,
        /// The last lines of this start in the log.
        lines: String,
    },
    /// Another process has been starting the server for minutes. Look for it, or remove the lock file.
    #[error("another process has held {path} for {} s; end it and try again", waited.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// The server that ran before could not be stopped. Stop it by hand.
    #[error("the server before this one cannot be stopped")]
    Stop(#[from] StopError),
    /// The thread that did the work died: a fault of this crate.
    #[error("the start was abandoned")]
    Abandoned(#[from] tokio::task::JoinError),
}

fn listed(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  - {attempt}")).collect()
}
