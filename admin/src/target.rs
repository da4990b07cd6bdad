//! Which database and which log a verb is about: flag, else environment, else the development server.

use annals_devdb::{Environment, Profile, Server};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, OpenError, SchemaName, StoreConfig};

use clap::builder::BoolishValueParser;

use crate::exit::Failure;
use crate::output::say;

/// The database of the development server that verbs use when they are told no other.
pub(crate) const DEVELOPMENT_DATABASE: &str = "annals";

/// Where the log is. The values are read here and not by clap, which would repeat a password in its errors.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where the log is")]
pub(crate) struct TargetArgs {
    /// The database: a URL or libpq's key=value pairs; without one the development server.
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
    /// Returns how to reach the database; starts the development server when nothing else is said.
    pub(crate) async fn connect_options(&self) -> Result<ConnectOptions, Failure> {
        if let Some(url) = given(&self.database_url) {
            let options = ConnectOptions::parse(url)?;
            let pooled = self.pooler || options.is_pooled();
            return Ok(options.behind_pooler(pooled));
        }
        let environment = Environment { database_url: None, ..Environment::read() };
        let server = Server::shared_in(Profile::Durable, &environment).await?;
        server.ensure_database(DEVELOPMENT_DATABASE).await?;
        say(format_args!("using its database {DEVELOPMENT_DATABASE}, since DATABASE_URL is not set"));
        Ok(ConnectOptions::parse(&server.url(DEVELOPMENT_DATABASE))?)
    }

    /// Returns the schema of the log.
    pub(crate) fn schema(&self) -> Result<SchemaName, Failure> {
        Ok(given(&self.schema).map(SchemaName::new).transpose()?.unwrap_or_default())
    }

    /// Returns how to set up the store.
    pub(crate) async fn config(&self) -> Result<StoreConfig, Failure> {
        let schema = self.schema()?;
        let listen = given(&self.direct_url).map(ConnectOptions::parse).transpose()?;
        Ok(StoreConfig { schema, listen, ..StoreConfig::new(self.connect_options().await?) })
    }

    /// Opens the log.
    pub(crate) async fn open(&self) -> Result<PostgresStore, Failure> {
        open(self.config().await?).await
    }
}

/// Opens a log; when it cannot be reached, says where it was looked for.
pub(crate) async fn open(config: StoreConfig) -> Result<PostgresStore, Failure> {
    let place = config.connect.display_redacted();
    PostgresStore::open(config).await.map_err(|error| match error {
        OpenError::Unavailable(_) => Failure::from(error).advise(format!("the database is {place}")),
        other => other.into(),
    })
}

/// An empty value counts as none, as in most programs that read `DATABASE_URL`.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}
