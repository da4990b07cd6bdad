//! The operator command line of Annals: a tree of verbs over the libraries.
//!
//! Data goes to standard output, everything else to standard error. The exit code tells what happened; see
//! [`annals_runner::cli::Exit`].

mod claim;
mod cli;
mod db;
mod dev;
mod doctor;
mod event_row;
mod events;
mod filter;
mod index;
mod reader;
mod repair;
mod roles;
mod stream;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
