//! Which database and which log a verb is about: what was said, else the development server.

use annals_devdb::{DatabaseError, Environment, Profile, Server, StartError};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, SchemaName, StoreConfig};
use annals_runner::cli::{self, Exit, Failure, say};

/// The database of the development server that verbs use when they are told no other.
pub(crate) const DEVELOPMENT_DATABASE: &str = "annals";

/// Where the log is.
#[derive(Debug, Clone, clap::Args)]
// The arguments within form a group of that name already.
#[group(skip)]
pub(crate) struct TargetArgs {
    #[command(flatten)]
    said: cli::TargetArgs,
}

impl TargetArgs {
    /// Returns how to reach the database; starts the development server when nothing else is said.
    pub(crate) async fn connect_options(&self) -> Result<ConnectOptions, Failure> {
        if let Some(options) = self.said.connect_options()? {
            return Ok(options);
        }
        let environment = Environment { database_url: None, ..Environment::read() };
        let server = Server::shared_in(Profile::Durable, &environment).await.map_err(no_server)?;
        server.ensure_database(DEVELOPMENT_DATABASE).await.map_err(no_database)?;
        say(format_args!("using its database {DEVELOPMENT_DATABASE}, since DATABASE_URL is not set"));
        Ok(ConnectOptions::parse(&server.url(DEVELOPMENT_DATABASE))?)
    }

    /// Returns the schema of the log.
    pub(crate) fn schema(&self) -> Result<SchemaName, Failure> {
        self.said.schema()
    }

    /// Returns how to set up the store.
    pub(crate) async fn config(&self) -> Result<StoreConfig, Failure> {
        self.said.config(self.connect_options().await?)
    }

    /// Opens the log.
    pub(crate) async fn open(&self) -> Result<PostgresStore, Failure> {
        cli::open(self.config().await?).await
    }
}

/// A development server that does not start.
pub(crate) fn no_server(error: StartError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}

/// A development server that gives no database.
pub(crate) fn no_database(error: DatabaseError) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
