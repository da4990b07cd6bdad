//! What the integration tests stand on.

mod database;

pub use database::TestDb;
