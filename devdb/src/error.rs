//! What can go wrong, one enum per operation: what happened, and what to do now.
//!
//! Guarantees
//! - no message holds a password.

use std::{fmt, io, path::PathBuf, time::Duration};

use crate::{database_url::DatabaseUrl, version::PostgresVersion};

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

/// Why a server was not stopped or reset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// The server lives on. Look at the log; `kill -9` it if nothing else helps.
    #[error("the server with process id {pid} did not stop within {} s; see {log}", waited.as_secs())]
    StillRunning {
        /// The postmaster.
        pid: u32,
        /// Its log file.
        log: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// A file could not be removed.
    #[error("cannot remove {path}")]
    Remove {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lock of the server's folder could not be had.
    #[error("cannot lock {path}: {reason}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// There is no server; no database was made.
    #[error("no server for the database")]
    Start(#[from] StartError),
    /// The server cannot be reached; no database was made.
    #[error("cannot connect to {url}")]
    Connect {
        /// Where; its password is not printed.
        url: DatabaseUrl,
        /// What the driver said.
        source: tokio_postgres::Error,
    },
    /// The server refused a statement. Databases of this call are dropped or swept later.
    #[error("cannot {action} {database}")]
    Statement {
        /// What was to be done.
        action: &'static str,
        /// To which database.
        database: String,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The caller's setup of the template failed; the unfinished template was dropped, the next call tries again.
    #[error("the setup of template {template} failed")]
    Setup {
        /// The template's name.
        template: String,
        /// What the setup said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Connections into the template did not end. Close them at the end of the setup.
    #[error("template {template} is still in use after its setup: {connections} connections")]
    TemplateInUse {
        /// The template's name.
        template: String,
        /// How many there are.
        connections: i64,
    },
}

fn listed(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  - {attempt}")).collect()
}
