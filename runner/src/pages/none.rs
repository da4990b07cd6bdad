//! No pages: the program was built without the feature `http`.

use annals_eventstore::PostgresStore;
use annals_projections::{Operator, RunnerHealth};
use clap::Args;

use crate::cli::Failure;

/// Where others find the runner.
#[derive(Debug, Args)]
pub(crate) struct PagesArgs {
    /// Where others can ask it, for whoever looks at the list of runners.
    #[arg(long, value_name = "URL", env = "ANNALS_RUNNER_ADDRESS")]
    address: Option<String>,
}

/// No pages.
#[derive(Debug)]
pub(crate) struct Pages;

impl Pages {
    pub(crate) fn open(_: &PagesArgs) -> impl Future<Output = Result<Self, Failure>> {
        std::future::ready(Ok(Self))
    }

    pub(crate) fn url(&self) -> Option<&str> {
        None
    }

    pub(crate) fn address(&self, args: &PagesArgs) -> Option<String> {
        args.address.clone()
    }

    pub(crate) fn show(&self, _: PostgresStore, _: Operator, _: RunnerHealth) {}
}
