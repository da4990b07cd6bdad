//! The verb `run`: hosts projections until a signal says to stop.
//!
//! `starting -> running -> stopping (batches at hand are finished, slots given back) -> ended`
//!
//! Guarantees
//! - folders of SQL are read before anything is asked of a database, and everything that is wrong is told at once;
//! - the first SIGTERM or SIGINT ends it with 0, after the batches at hand; the second one at once, with 130.

use std::path::PathBuf;
use std::time::Duration;

use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::StoreConfig;
use annals_projections::{Runner, RunnerOptions, RunningRunner, SqlProjection};
use clap::{ArgMatches, Args};
use serde::Serialize;

use crate::cli::{Failure, Format, Outcome, Output, Place, open, say, seconds};
use crate::hosting::Hosting;
use crate::pages::ShownRunner;
use crate::signals::Signals;

/// What `run` is told.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// A folder of projections in SQL, one in each folder below it: hosts all of them.
    #[arg(long, value_name = "DIR", env = "ANNALS_PROJECTIONS")]
    projections: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// The name of the runner, for whoever looks at the list of runners [default: HOSTNAME].
    #[arg(long, env = "ANNALS_RUNNER_NAME")]
    name: Option<String>,
    /// How long a lease lasts, in seconds: a runner that dies is replaced when its leases are over.
    #[arg(long, value_name = "SECONDS", env = "ANNALS_RUNNER_LEASE", default_value = "10", value_parser = seconds)]
    lease: Duration,
    /// The most batches that are applied at once, each with a connection of its own.
    #[arg(long, value_name = "N", env = "ANNALS_RUNNER_BATCHES", default_value_t = 8)]
    batches: usize,
    /// How long batches may take to end when the runner is told to stop, in seconds.
    #[arg(long, value_name = "SECONDS", env = "ANNALS_RUNNER_GRACE", default_value = "30", value_parser = seconds)]
    grace: Duration,
    /// Where others can ask it, for whoever looks at the list of runners; none for nowhere [default: its pages, if any].
    #[arg(long, value_name = "URL|none", env = "ANNALS_RUNNER_ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What is printed once the runner works.
#[derive(Debug, Serialize)]
struct Started {
    runner: String,
    name: String,
    /// Where its pages are, if it has any.
    http: Option<String>,
    projections: Vec<String>,
}

/// Hosts what an application hosts and what is in the folder, until a signal comes.
pub(crate) async fn run(
    args: RunArgs,
    flags: &ArgMatches,
    mut hosting: Hosting,
    log: impl Future<Output = Result<StoreConfig, Failure>>,
) -> Outcome {
    let mut signals = Signals::take().map_err(Failure::failed)?;
    let folders = args.projections.as_ref().map(SqlProjection::load_all).transpose()?.unwrap_or_default();
    if hosting.hosts.is_empty() && folders.is_empty() {
        return Err(Failure::usage("there is nothing to host").advise("give --projections DIR"));
    }
    let mut pages = hosting.pages.take();
    if let Some(pages) = &mut pages {
        pages.open(flags).await?;
    }
    let url = pages.as_ref().and_then(|pages| pages.url());
    let starting = async {
        let store = open(log.await?).await?;
        let runner = start(&args, hosting, folders, &store, url).await?;
        Ok::<_, Failure>((store, runner))
    };
    let (store, runner) = tokio::select! {
        started = starting => started?,
        // Nothing was begun that others would wait for longer than a lease.
        () = signals.next() => return Ok(()),
    };
    if let Some(pages) = &pages {
        let operator = args.place.operator(&store)?;
        pages.show(ShownRunner { store: store.clone(), operator, health: runner.health() });
    }
    // Whoever started it may have stopped listening, which is no reason to stop working.
    let _ = tell(&args, &runner, url);
    let ended = until_told(runner, &mut signals).await;
    store.close().await;
    ended
}

/// Starts a runner with everything that it is to host.
async fn start(
    args: &RunArgs,
    hosting: Hosting,
    folders: Vec<SqlProjection>,
    store: &PostgresStore,
    url: Option<&str>,
) -> Result<RunningRunner, Failure> {
    let defaults = RunnerOptions::default();
    let options = RunnerOptions {
        name: args.name.clone().unwrap_or(defaults.name),
        address: address(args.address.as_deref(), url),
        build: hosting.build.to_owned(),
        lease: args.lease,
        batches: args.batches,
        grace: args.grace,
    };
    let mut runner = Runner::new(store).options(options);
    if let Some(elsewhere) = args.place.connect_options()? {
        runner = runner.read_models_in(elsewhere);
    }
    let runner = hosting.hosts.into_iter().fold(runner, |runner, host| host(runner));
    let runner = folders.into_iter().fold(runner, Runner::host_sql);
    Ok(runner.start().await?)
}

/// Tells where others can ask a runner whose pages are somewhere.
fn address(said: Option<&str>, url: Option<&str>) -> Option<String> {
    said.or(url).filter(|address| *address != "none").map(str::to_owned)
}

/// Says that the runner works, on standard output: whoever started it may wait for that.
fn tell(args: &RunArgs, runner: &RunningRunner, http: Option<&str>) -> Outcome {
    let health = runner.health();
    let name = |of: &annals_eventstore::postgres::Consumer| format!("{} version {}", of.name, of.version);
    let started = Started {
        runner: runner.id().to_string(),
        name: args.name.clone().unwrap_or_else(|| RunnerOptions::default().name),
        http: http.map(str::to_owned),
        projections: health.projections().iter().map(name).collect(),
    };
    let mut output = Output::new(args.format);
    output.record(&started, || {
        let pages = started.http.as_ref().map(|http| format!(", pages at {http}")).unwrap_or_default();
        format!("runner {} works on {}{pages}", started.runner, started.projections.join(", "))
    })?;
    output.flush()
}

/// Waits for a signal and stops the runner; a second one does not wait for that.
async fn until_told(mut runner: RunningRunner, signals: &mut Signals) -> Outcome {
    tokio::select! {
        ended = runner.ended() => {
            let why = ended.err().map_or_else(|| "it ended by itself".to_owned(), |error| error.to_string());
            return Err(Failure::failed(format!("the runner failed: {why}")));
        }
        () = signals.next() => {}
    }
    say("stopping after the batches at hand; once more ends it at once");
    tokio::select! {
        () = runner.stop() => Ok(()),
        () = signals.next() => Err(Failure::interrupted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_is_found_at_its_pages_unless_told_otherwise() {
        let pages = Some("http://10.0.0.7:9100");
        assert_eq!(address(None, pages).as_deref(), pages);
        assert_eq!(address(Some("http://runner-7"), pages).as_deref(), Some("http://runner-7"));
        assert_eq!(address(Some("none"), pages), None);
        assert_eq!(address(None, None), None);
    }
}
