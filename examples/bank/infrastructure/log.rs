//! Opening the log: on `DATABASE_URL`, or on a development server that is found or fetched and started.

use std::time::Duration;

use annals::eventstore::PostgresStore;
use annals::eventstore::postgres::{
    ConnectOptions, InvalidConnectOptions, MigrateError, OpenError, SchemaName, StoreConfig, migrate,
};
use annals_devdb::{DatabaseError, Profile, Server, StartError};

/// The database the bank keeps its log in, unless `DATABASE_URL` names another.
const DATABASE: &str = "annals";

/// An open log, and where it is.
#[derive(Debug)]
pub struct Log {
    pub store: PostgresStore,
    pub poll_interval: Duration,
    pub notify: bool,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Options(#[from] InvalidConnectOptions),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("ANNALS_POLL_SECONDS={0} is no number of seconds")]
    PollSeconds(String),
}

/// Finds the database, and brings the log's schema up to date.
pub async fn find_database() -> Result<ConnectOptions, OpenLogError> {
    let server = Server::shared(Profile::Durable).await?;
    let url = match std::env::var("DATABASE_URL") {
        Ok(url) if !url.is_empty() => url,
        _ => {
            server.ensure_database(DATABASE).await?;
            server.url(DATABASE)
        }
    };
    let options = url.parse()?;
    migrate(&options, &SchemaName::default()).await?;
    Ok(options)
}

/// Finds the database and opens the log.
///
/// `ANNALS_POLL_SECONDS` sets how long readers wait for a wake-up at most (1 by default), `ANNALS_NOTIFY=off`
/// switches wake-ups off.
pub async fn open_log() -> Result<Log, OpenLogError> {
    let mut config = StoreConfig::new(find_database().await?);
    if let Ok(seconds) = std::env::var("ANNALS_POLL_SECONDS") {
        let parsed = seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        config.poll_interval = parsed.ok_or(OpenLogError::PollSeconds(seconds))?;
    }
    config.notify = std::env::var("ANNALS_NOTIFY").as_deref() != Ok("off");

    let (poll_interval, notify) = (config.poll_interval, config.notify);
    Ok(Log { store: PostgresStore::open(config).await?, poll_interval, notify })
}
