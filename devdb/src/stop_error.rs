//! Why a server was not stopped or reset.

use std::{io, path::PathBuf, time::Duration};

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
