//! The log in memory: the same promises as the PostgreSQL adapter, for tests and first steps.
//!
//! Leaves to others: everything that outlives the process.

mod append;
mod claims;
mod decisions;
mod deletion;
mod keys;
mod log;
mod read;
mod snapshots;
mod store;

pub use store::MemoryStore;
