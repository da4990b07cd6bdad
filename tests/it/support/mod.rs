//! What the integration tests stand on.

mod broken_reader;
mod broken_store;
mod database;

pub(crate) use broken_reader::{BrokenReader, Rule, UnguardedLog};
pub(crate) use broken_store::{BrokenStore, Fault};
pub(crate) use database::TestDb;
