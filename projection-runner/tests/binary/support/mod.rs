//! A database with a log, and the binary as a process.

mod database;
mod page;
mod process;

pub(crate) use database::{Log, OwnServer, append, until};
pub(crate) use page::{ask, get};
pub(crate) use process::{Ended, Process, command, finished};

use std::path::PathBuf;
use std::time::Duration;

/// How long anything may take before the test counts as failed.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// The projections of the bank, in SQL.
pub(crate) fn bank() -> PathBuf {
    workspace().join("examples/bank/projections")
}

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
