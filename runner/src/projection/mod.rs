//! The verbs `projection …`: who works on which projection, what waits for an operator, and what an operator does.
//!
//! Every command line mounts the same ones: that of an application, `projection-runner`, `annals`.

mod change;
mod look;
mod rebuild;
mod rows;

use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{Consumer, StoreConfig};
use annals_projections::Operator;
use clap::{Args, Subcommand};

use crate::cli::{Failure, Outcome, Place, open};

pub use change::{Changed, KeyArgs, ResetArgs, RewindArgs, SkipArgs};
pub use rows::ReportRow;
pub(crate) use rows::{RunnerRow, SlotRow};

pub use look::{ListArgs, LookArgs, ParkedArgs};
pub use rebuild::{ProgressArgs, RebuildArgs};

/// What can be asked of projections, and done to them.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists projections: how far they have come, who works on them, what is parked.
    Ls(ListArgs),
    /// Shows the slots of a projection: owner, epoch, position, and why one has stopped.
    Show(LookArgs),
    /// Lists the runners that host a projection and are alive.
    Runners(LookArgs),
    /// Lists parked events: what cannot be applied, and what waits behind it.
    Parked(ParkedArgs),
    /// Pauses a projection: runners finish the batch at hand and give its slots back.
    Pause(Changed),
    /// Lets a projection go on that was paused, or whose slots have stopped.
    Resume(Changed),
    /// Sets a projection back: what stands behind a position comes again. Its tables are left alone.
    Rewind(RewindArgs),
    /// Empties the tables of a projection's own schema and begins anew.
    Reset(ResetArgs),
    /// Builds a projection anew beside the live one, which goes on meanwhile, and puts it in its place.
    Rebuild(RebuildArgs),
    /// Calls a rebuild off, before it has taken the place of the live one.
    Cancel(Changed),
    /// Shows how far the last rebuild of a projection has come.
    Progress(ProgressArgs),
    /// Skips one event when its slot comes to it, such as the one before which the slot has stopped.
    Skip(SkipArgs),
    /// Applies the parked events of a key, in order.
    Retry(KeyArgs),
    /// Discards the event that blocks a key, and applies those behind it.
    Discard(KeyArgs),
}

/// Which projection.
#[derive(Debug, Args)]
pub struct Which {
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
    async fn open(log: StoreConfig, place: &Place) -> Result<Self, Failure> {
        let store = open(log).await?;
        let operator = place.operator(&store)?;
        Ok(Self { store, operator })
    }

    async fn close(self) {
        drop(self.operator);
        self.store.close().await;
    }
}

/// Runs one of the verbs on the projections of a log.
///
/// # Errors
///
/// A [`Failure`] that tells what was not done, and why.
pub async fn run(verb: Verb, log: StoreConfig) -> Outcome {
    match verb {
        Verb::Ls(args) => look::list(&args, log).await,
        Verb::Show(args) => look::slots(&args, log).await,
        Verb::Runners(args) => look::runners(&args, log).await,
        Verb::Parked(args) => look::parked(&args, log).await,
        Verb::Pause(args) => change::pause(args, log).await,
        Verb::Resume(args) => change::resume(args, log).await,
        Verb::Rewind(args) => change::rewind(args, log).await,
        Verb::Reset(args) => change::reset(args, log).await,
        Verb::Rebuild(args) => rebuild::rebuild(args, log).await,
        Verb::Cancel(args) => rebuild::cancel(args, log).await,
        Verb::Progress(args) => rebuild::progress(args, log).await,
        Verb::Skip(args) => change::skip(args, log).await,
        Verb::Retry(args) => change::retry(args, log).await,
        Verb::Discard(args) => change::discard(args, log).await,
    }
}
