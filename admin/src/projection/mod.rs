//! `annals projection`: who works on which projection, what waits for an operator, and what an operator does.

mod change;
mod look;

use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, Consumer, PoolOptions, pool};
use annals_projections::Operator;
use clap::{Args, Subcommand};

use crate::exit::{Failure, Outcome};
use crate::output::Format;
use crate::target::TargetArgs;

/// The verbs of `annals projection`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists projections: how far they have come, who works on them, what is parked.
    Ls {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        format: Format,
    },
    /// Shows the slots of a projection: owner, epoch, position, and why one has stopped.
    Show {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        format: Format,
    },
    /// Lists the runners that host a projection and are alive.
    Runners {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        format: Format,
    },
    /// Lists parked events: what cannot be applied, and what waits behind it.
    Parked {
        #[command(flatten)]
        which: Which,
        /// The most events to list.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// Exit code 5 where there are any.
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Pauses a projection: runners finish the batch at hand and give its slots back.
    Pause(change::Changed),
    /// Lets a projection go on that was paused, or whose slots have stopped.
    Resume(change::Changed),
    /// Sets a projection back: what stands behind a position comes again. Its tables are left alone.
    Rewind(change::RewindArgs),
    /// Empties the tables of a projection's own schema and begins anew.
    Reset(change::ResetArgs),
    /// Skips one event when its slot comes to it, such as the one before which the slot has stopped.
    Skip(change::SkipArgs),
    /// Applies the parked events of a key, in order.
    Retry(change::KeyArgs),
    /// Discards the event that blocks a key, and applies those behind it.
    Discard(change::KeyArgs),
}

/// Where the read models are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The database of the read models, when the log is in another one.
    #[arg(long, value_name = "URL", env = "ANNALS_READ_MODELS_URL", hide_env_values = true)]
    read_models_url: Option<String>,
}

/// Which projection.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The projection, such as balances.
    name: String,
    /// Its version.
    #[arg(long, value_name = "N", default_value_t = 1)]
    of_version: i32,
    #[command(flatten)]
    place: Place,
}

impl Which {
    fn consumer(&self) -> Consumer {
        Consumer { name: self.name.clone(), version: self.of_version }
    }
}

/// The log, and whoever looks after its projections.
struct Desk {
    store: PostgresStore,
    operator: Operator,
}

impl Desk {
    async fn open(target: &TargetArgs, place: &Place) -> Result<Self, Failure> {
        let store = target.open().await?;
        let url = place.read_models_url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        let elsewhere = url.map(ConnectOptions::parse).transpose()?;
        let read_models = match &elsewhere {
            Some(options) => pool(options, PoolOptions { max_size: 2, ..PoolOptions::default() }),
            None => store.pool().clone(),
        };
        let operator = Operator::of(&store, read_models);
        Ok(Self { store, operator })
    }

    async fn close(self) {
        drop(self.operator);
        self.store.close().await;
    }
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Ls { place, format } => look::list(&place, format, target).await,
        Verb::Show { which, format } => look::slots(&which, format, target).await,
        Verb::Runners { which, format } => look::runners(&which, format, target).await,
        Verb::Parked { which, limit, check, format } => {
            look::parked(&which, limit, check, format, target).await
        }
        Verb::Pause(args) => change::pause(args, target).await,
        Verb::Resume(args) => change::resume(args, target).await,
        Verb::Rewind(args) => change::rewind(args, target).await,
        Verb::Reset(args) => change::reset(args, target).await,
        Verb::Skip(args) => change::skip(args, target).await,
        Verb::Retry(args) => change::retry(args, target).await,
        Verb::Discard(args) => change::discard(args, target).await,
    }
}
