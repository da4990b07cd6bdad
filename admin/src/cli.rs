//! The tree of verbs, and the one place where a verb is run and its end is told.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use tracing_subscriber::EnvFilter;

use crate::exit::{Failure, Outcome};
use crate::output::{self, Output};
use crate::target::TargetArgs;
use crate::{claim, db, dev, doctor, events, projection, stream};

/// Looks into an event log and keeps it in order.
///
/// The database is that of `--database-url`, else of `DATABASE_URL`, else of a private development server, which
/// is started when it does not run.
#[derive(Debug, Parser)]
#[command(name = "annals", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    target: TargetArgs,
    #[command(subcommand)]
    verb: Verb,
}

/// Shown below the help, since scripts rely on them.
const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 version conflict, 5 a probe failed,
6 schema too old or too new, 69 database unavailable, 75 try again, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Verb {
    /// The private development server: start, stop, look.
    #[command(subcommand)]
    Dev(dev::Verb),
    /// The schema of the log in the database.
    #[command(subcommand)]
    Db(db::Verb),
    /// Streams: read and write one.
    #[command(subcommand)]
    Stream(stream::Verb),
    /// Claims: who holds one, and releasing it.
    #[command(subcommand)]
    Claim(claim::Verb),
    /// The log of all streams.
    #[command(subcommand)]
    Events(events::Verb),
    /// Projections: who works on them, what is parked, and what an operator does.
    #[command(subcommand)]
    Projection(projection::Verb),
    /// Looks whether server, settings, schema, roles and open transactions are as the log needs them; exit code 5 when
    /// one is not. Changes nothing.
    Doctor(doctor::DoctorArgs),
    /// Prints a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help goes to a reader that may have left already.
            let _ = told.print();
            return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2));
        }
    };
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error).report(),
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = verb(cli) => outcome,
            Ok(()) = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        }
    });
    // What still reads standard input cannot be waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn verb(cli: Cli) -> Outcome {
    let Cli { target, verb } = cli;
    match verb {
        Verb::Dev(verb) => dev::run(verb).await,
        Verb::Db(verb) => db::run(verb, &target).await,
        Verb::Stream(verb) => stream::run(verb, &target).await,
        Verb::Claim(verb) => claim::run(verb, &target).await,
        Verb::Events(verb) => events::run(verb, &target).await,
        Verb::Projection(verb) => projection::run(verb, &target).await,
        Verb::Doctor(args) => doctor::run(args, &target).await,
        Verb::Completions { shell } => completions(shell),
    }
}

fn completions(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "annals", &mut script);
    let mut output = Output::plain();
    output.text(&String::from_utf8_lossy(&script))?;
    output.flush()
}

/// Warnings of the libraries, and more where `ANNALS_LOG` asks for it (`ANNALS_LOG=debug`).
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("ANNALS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::colours(std::io::stderr().is_terminal()))
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_verbs_is_sound() {
        Cli::command().debug_assert();
    }
}
