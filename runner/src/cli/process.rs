//! From the arguments of a process to its exit code.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{ArgMatches, Command, FromArgMatches};
use tracing_subscriber::EnvFilter;

use super::exit::{Failure, Outcome};
use super::output::colours;

/// Reads arguments, and returns them raw as well; help, version and what is wrong with them are told here.
///
/// # Errors
///
/// The exit code with which the process is to end.
pub fn parse<Cli: FromArgMatches>(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, ArgMatches), ExitCode> {
    let matches = command.try_get_matches_from(arguments);
    matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches))).map_err(|told| {
        // Help goes to a reader that may have left already.
        let _ = told.print();
        ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
    })
}

/// Logs on standard error what a filter lets through, or `ANNALS_LOG` where that is set (`ANNALS_LOG=debug`).
///
/// Does nothing where the program has installed a subscriber already.
pub fn log_to_stderr(otherwise: &str) {
    let filter = EnvFilter::try_from_env("ANNALS_LOG").unwrap_or_else(|_| EnvFilter::new(otherwise));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours(std::io::stderr().is_terminal()))
        .with_target(false)
        .try_init();
}

/// Runs a verb to its end on a runtime of its own, tells its failure and returns its exit code.
pub fn carry_out(verb: impl Future<Output = Outcome>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(error).report(),
    };
    let outcome = runtime.block_on(verb);
    // What still reads standard input cannot be waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Runs a verb until Ctrl-C.
///
/// # Errors
///
/// The verb's, or that it was interrupted.
pub async fn until_interrupted(verb: impl Future<Output = Outcome>) -> Outcome {
    tokio::select! {
        outcome = verb => outcome,
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}
