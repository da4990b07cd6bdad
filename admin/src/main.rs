//! The operator command line of Annals: a tree of verbs over the libraries.
//!
//! Data goes to standard output, everything else to standard error. The exit code tells what happened; see
//! [`exit::Exit`].

mod claim;
mod cli;
mod db;
mod dev;
mod doctor;
mod events;
mod exit;
mod fault;
mod filter;
mod index;
mod output;
mod projection;
mod repair;
mod roles;
mod stream;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
