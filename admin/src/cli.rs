//! The tree of verbs, and the one place where a verb is run and its end is told.

use std::process::ExitCode;

use annals_runner::cli::{EXIT_CODES, Outcome, Output, carry_out, log_to_stderr, parse, until_interrupted};
use annals_runner::projection;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::target::TargetArgs;
use crate::{claim, db, dev, doctor, events, stream};

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
    let cli = match parse(Cli::command(), std::env::args_os()) {
        Ok((cli, _)) => cli,
        Err(exit_code) => return exit_code,
    };
    log_to_stderr("warn");
    carry_out(until_interrupted(verb(cli)))
}

async fn verb(cli: Cli) -> Outcome {
    let Cli { target, verb } = cli;
    match verb {
        Verb::Dev(verb) => dev::run(verb).await,
        Verb::Db(verb) => db::run(verb, &target).await,
        Verb::Stream(verb) => stream::run(verb, &target).await,
        Verb::Claim(verb) => claim::run(verb, &target).await,
        Verb::Events(verb) => events::run(verb, &target).await,
        Verb::Projection(verb) => projection::run(verb, target.config().await?).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_verbs_is_sound() {
        Cli::command().debug_assert();
    }
}
