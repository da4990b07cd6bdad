//! The way to PostgreSQL: connection strings, hosts, passwords, TLS, pools.
//!
//! Guarantees
//! - options mean what they mean to libpq; one that cannot be served is refused, not passed over;
//! - no password reaches a log, an error or a `Debug` output;
//! - a connection is never less encrypted than `sslmode` asks for.
//!
//! Leaves to others: what is asked through a connection, reconnecting, retrying.

mod connection;
mod conninfo;
mod dial;
mod driver;
mod encryption;
mod endpoint;
mod error;
mod open;
mod options;
mod passfile;
mod pool;
mod progress;
mod session;
#[cfg(feature = "tls")]
mod tls;

pub use connection::{Connected, Connection};
pub use error::{ConnectError, ConnectFault, InvalidConnectOptions};
pub use options::ConnectOptions;
pub(super) use pool::into_driver_error;
pub use pool::{PoolOptions, pool};

/// Opens one connection, outside of any pool. Somebody has to drive it: see [`Connection`].
///
/// # Errors
///
/// [`ConnectError`] names the host and what went wrong there.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::postgres::{ConnectOptions, connect};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connected = connect(&ConnectOptions::from_env()?).await?;
/// tokio::spawn(connected.connection.drive());
/// connected.client.batch_execute("select 1").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(options: &ConnectOptions) -> Result<Connected, ConnectError> {
    // The driver's futures are large, and callers hold this one in theirs.
    Box::pin(dial::dial(options)).await
}
