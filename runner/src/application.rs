//! A program that hosts projections: what it hosts, and from there its command line.

use std::ffi::OsString;
use std::pin::Pin;
use std::process::ExitCode;

use annals_eventstore::postgres::{ConnectOptions, StoreConfig};
use annals_projections::{Projection, SqlProjection};
use clap::{ArgMatches, Command, CommandFactory, Parser, Subcommand};

use crate::cli::{
    EXIT_CODES, Exit, Failure, Outcome, TargetArgs, carry_out, log_to_stderr, parse, until_interrupted,
};
use crate::hosting::Hosting;
use crate::pages::RunnerPages;
use crate::projection;
use crate::run::{RunArgs, run};
use crate::status::{StatusArgs, status};

/// What a runner logs while it works, unless `ANNALS_LOG` says otherwise: who takes and gives which slot, and warnings.
const LOG_OF_A_RUNNER: &str = "warn,annals_projections=info";

/// A program that hosts projections. Its command line has the verbs `run`, `status` and `projection …`.
///
/// # Examples
///
/// ```no_run
/// use annals_eventstore::{Batch, HandlerError};
/// use annals_projections::Projection;
/// use annals_runner::Application;
///
/// struct Balances;
///
/// impl Projection for Balances {
///     const NAME: &'static str = "balances";
///     const TABLES: &'static str = "";
///     async fn apply(&mut self, _: Batch<'_>) -> Result<(), HandlerError> { Ok(()) }
/// }
///
/// fn main() -> std::process::ExitCode {
///     Application::new("bank").build(env!("CARGO_PKG_VERSION")).host(|| Balances).main()
/// }
/// ```
pub struct Application {
    name: &'static str,
    hosting: Hosting,
    otherwise: Option<Otherwise>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Finding = Pin<Box<dyn Future<Output = Result<ConnectOptions, BoxError>> + Send>>;
type Otherwise = Box<dyn FnOnce() -> Finding + Send>;

/// Hosts projections, and looks after them.
#[derive(Debug, Parser)]
#[command(after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    target: TargetArgs,
    #[command(subcommand)]
    verb: Verb,
}

/// The verb that hosts.
const RUN: &str = "run";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Hosts projections until SIGTERM or SIGINT: together with all runners of the same read models.
    Run(Box<RunArgs>),
    /// Shows every projection: how far it is behind the log, who works on which slot, which runners are alive.
    Status(StatusArgs),
    /// Looks at projections and does something about them.
    #[command(subcommand)]
    Projection(projection::Verb),
}

impl Application {
    /// Makes a program by its name, which hosts nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, hosting: Hosting { hosts: Vec::new(), build: "", pages: None }, otherwise: None }
    }

    /// Sets its version (`env!("CARGO_PKG_VERSION")`), which whoever looks at the list of runners is told.
    #[must_use]
    pub fn build(mut self, build: &'static str) -> Self {
        self.hosting.build = build;
        self
    }

    /// Hosts a projection. The function makes one for each slot that the runner works on.
    #[must_use]
    pub fn host<P: Projection>(mut self, make: impl Fn() -> P + Send + Sync + 'static) -> Self {
        self.hosting.hosts.push(Box::new(move |runner| runner.host(make)));
        self
    }

    /// Hosts a projection that is written in SQL alone. (A folder of such projections is hosted by `run --projections`.)
    #[must_use]
    pub fn host_sql(mut self, projection: SqlProjection) -> Self {
        self.hosting.hosts.push(Box::new(move |runner| runner.host_sql(projection)));
        self
    }

    /// Gives the runner pages, such as those of `annals-projection-runner`; without them it has none.
    #[must_use]
    pub fn pages(mut self, pages: impl RunnerPages + 'static) -> Self {
        self.hosting.pages = Some(Box::new(pages));
        self
    }

    /// Says where the database is when neither `--database-url` nor `DATABASE_URL` does; without it that is an error.
    #[must_use]
    pub fn database_otherwise<F>(mut self, find: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<ConnectOptions, BoxError>> + Send + 'static,
    {
        self.otherwise = Some(Box::new(move || Box::pin(find())));
        self
    }

    /// Does what the arguments of the process say, and returns its exit code. It makes a runtime of its own: call it from a
    /// `main` without one.
    pub fn main(self) -> ExitCode {
        self.main_with(std::env::args_os())
    }

    /// Does what some arguments say, the name of the program first.
    pub fn main_with(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let (cli, matches) = match parse::<Cli>(self.command(), arguments) {
            Ok(parsed) => parsed,
            Err(exit_code) => return exit_code,
        };
        log_to_stderr(if matches!(cli.verb, Verb::Run(_)) { LOG_OF_A_RUNNER } else { "warn" });
        carry_out(self.carry_out(cli, &matches))
    }

    fn command(&self) -> Command {
        let command = Cli::command().name(self.name);
        let command = match self.hosting.build {
            "" => command,
            build => command.version(build).propagate_version(true),
        };
        match &self.hosting.pages {
            Some(pages) => command.mut_subcommand(RUN, |run| pages.flags(run)),
            None => command,
        }
    }

    async fn carry_out(self, Cli { target, verb }: Cli, matches: &ArgMatches) -> Outcome {
        let Self { hosting, otherwise, .. } = self;
        let log = log(&target, otherwise);
        match verb {
            // It does as signals say by itself.
            Verb::Run(args) => {
                let flags = matches.subcommand_matches(RUN).unwrap_or(matches);
                Box::pin(run(*args, flags, hosting, log)).await
            }
            Verb::Status(args) => until_interrupted(async { Box::pin(status(args, log.await?)).await }).await,
            Verb::Projection(verb) => {
                until_interrupted(async { Box::pin(projection::run(verb, log.await?)).await }).await
            }
        }
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Finds out where the log is.
async fn log(target: &TargetArgs, otherwise: Option<Otherwise>) -> Result<StoreConfig, Failure> {
    let connect = match (target.connect_options()?, otherwise) {
        (Some(connect), _) => connect,
        (None, Some(find)) => find().await.map_err(|error| Failure::new(Exit::Unavailable, error))?,
        (None, None) => {
            let advice = "give --database-url, or set DATABASE_URL";
            return Err(Failure::usage("nobody says which database the log is in").advise(advice));
        }
    };
    target.config(connect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_verbs_is_sound() {
        Application::new("bank").command().debug_assert();
        Application::new("bank").build("1.2.3").command().debug_assert();
    }
}
