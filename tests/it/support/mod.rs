//! What the integration tests stand on.

mod broken_reader;
mod broken_store;
mod by_role;
mod counter;
mod cutter;
mod database;
mod dice;
mod doomed;
mod own_server;
mod pooler;
mod proxy;
mod ran;
mod sealed;
mod sql_folder;
mod waiting;

pub(crate) use broken_reader::{BrokenReader, Rule, UnguardedLog};
pub(crate) use broken_store::{BrokenStore, Fault};
pub(crate) use by_role::{DbByRole, StoreByRole, opened_as};
pub(crate) use counter::{Counter, Full, counters};
pub(crate) use cutter::{Cut, Cutter};
pub(crate) use database::TestDb;
pub(crate) use dice::Dice;
pub(crate) use doomed::DoomedServer;
pub(crate) use own_server::OwnServer;
pub(crate) use pooler::{PooledDb, Pooler, skipped_without_pooler};
pub(crate) use proxy::Proxy;
pub(crate) use ran::{FOLDER, Ran};
pub(crate) use sealed::Keys;
pub(crate) use sql_folder::SqlFolder;
pub(crate) use waiting::until_waiting;
