//! Where the read models are, when that is another database than the log's.

use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, PoolOptions, pool};
use annals_projections::Operator;

use super::exit::Failure;
use super::target::given;

/// Connections of a verb that looks at read models in a database of their own.
const CONNECTIONS: usize = 2;

/// Where the read models are.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// The database of the read models, when the log is in another one.
    #[arg(long, value_name = "URL", env = "ANNALS_READ_MODELS_URL", hide_env_values = true)]
    read_models_url: Option<String>,
}

impl Place {
    /// Returns the database of the read models, if that is another one.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::Exit::Usage) where what was said makes no sense.
    pub fn connect_options(&self) -> Result<Option<ConnectOptions>, Failure> {
        Ok(given(&self.read_models_url).map(ConnectOptions::parse).transpose()?)
    }

    /// Returns whoever looks after the projections of a log.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`](super::Exit::Usage) where what was said makes no sense.
    pub fn operator(&self, store: &PostgresStore) -> Result<Operator, Failure> {
        let few = PoolOptions { max_size: CONNECTIONS, ..PoolOptions::default() };
        let read_models = match self.connect_options()? {
            Some(options) => pool(&options, few),
            None => store.pool().clone(),
        };
        Ok(Operator::of(store, read_models))
    }
}
