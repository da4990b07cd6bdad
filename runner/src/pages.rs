//! The place for pages: what those ask for who keep a runner running. A program has them by [`Application::pages`].
//!
//! [`Application::pages`]: crate::Application::pages

use std::pin::Pin;

use annals_eventstore::PostgresStore;
use annals_projections::{Operator, RunnerHealth};
use clap::{ArgMatches, Command};

use crate::cli::Failure;

/// Pages that say how a runner is. `annals-projection-runner` has some, over HTTP.
pub trait RunnerPages: Send {
    /// Adds their flags to those of the verb `run`.
    fn flags(&self, run: Command) -> Command;

    /// Begins to answer as the flags say, before the runner has started.
    ///
    /// # Errors
    ///
    /// A [`Failure`]; the runner is not started then.
    fn open<'a>(&'a mut self, flags: &'a ArgMatches) -> Opening<'a>;

    /// Returns where they are, if they are anywhere.
    fn url(&self) -> Option<&str>;

    /// Shows a runner, which has started.
    fn show(&self, runner: ShownRunner);
}

/// Pages on their way to answer.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A runner that has started, and whom to ask about it.
#[derive(Debug)]
pub struct ShownRunner {
    /// The log.
    pub store: PostgresStore,
    /// Whoever looks after the projections.
    pub operator: Operator,
    /// How the runner is.
    pub health: RunnerHealth,
}
