//! What command lines of Annals have in common: where the log is, how a verb writes, how it ends.
//!
//! Guarantees: data goes to standard output, everything else to standard error; the exit code tells what happened
//! ([`Exit`]); no password is told.

mod argument;
mod exit;
mod fault;
mod output;
mod place;
mod process;
mod target;

pub use argument::seconds;
pub use exit::{EXIT_CODES, Exit, Failure, Outcome};
pub use output::{Format, Output, say};
pub use place::Place;
pub use process::{carry_out, log_to_stderr, parse, until_interrupted};
pub use target::{TargetArgs, open};
