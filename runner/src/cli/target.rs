//! Which database and which log a verb is about: flag, else environment.

use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, OpenError, SchemaName, StoreConfig};
use clap::builder::BoolishValueParser;

use super::exit::Failure;

/// Where the log is. The values are read here and not by clap, which would repeat a password in its errors.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where the log is")]
pub struct TargetArgs {
    /// The database: a URL or libpq's key=value pairs.
    #[arg(long, global = true, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where to listen for wake-ups, when a pooler stands before the database.
    #[arg(long, global = true, value_name = "URL", env = "DATABASE_DIRECT_URL", hide_env_values = true)]
    direct_url: Option<String>,
    /// A pooler in transaction mode stands before the database.
    #[arg(long, global = true, env = "ANNALS_POOLER", value_parser = BoolishValueParser::new())]
    pooler: bool,
    /// The schema of the log [default: annals].
    #[arg(long, global = true, value_name = "NAME", env = "ANNALS_SCHEMA")]
    schema: Option<String>,
}

impl TargetArgs {
    /// Returns how to reach the database, if anybody said so.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::Exit::Usage) where what was said makes no sense.
    pub fn connect_options(&self) -> Result<Option<ConnectOptions>, Failure> {
        let Some(url) = given(&self.database_url) else { return Ok(None) };
        let options = ConnectOptions::parse(url)?;
        let pooled = self.pooler || options.is_pooled();
        Ok(Some(options.behind_pooler(pooled)))
    }

    /// Returns the schema of the log.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::Exit::Usage) where it is no name of a schema.
    pub fn schema(&self) -> Result<SchemaName, Failure> {
        Ok(given(&self.schema).map(SchemaName::new).transpose()?.unwrap_or_default())
    }

    /// Returns how to set up the store, of a log in a database.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::Exit::Usage) where what was said makes no sense.
    pub fn config(&self, connect: ConnectOptions) -> Result<StoreConfig, Failure> {
        let listen = given(&self.direct_url).map(ConnectOptions::parse).transpose()?;
        Ok(StoreConfig { schema: self.schema()?, listen, ..StoreConfig::new(connect) })
    }
}

/// Opens a log; when it cannot be reached, says where it was looked for.
///
/// # Errors
///
/// A [`Failure`] that tells what is wrong with the log, or with the way there.
pub async fn open(config: StoreConfig) -> Result<PostgresStore, Failure> {
    let place = config.connect.display_redacted();
    PostgresStore::open(config).await.map_err(|error| match error {
        OpenError::Unavailable(_) => Failure::from(error).advise(format!("the database is {place}")),
        other => other.into(),
    })
}

/// An empty value counts as none, as in most programs that read `DATABASE_URL`.
pub(super) fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}
