//! `annals stream`: one stream, or the list of them.

mod append;
mod append_failure;
mod argument;
mod list;
mod retention;
mod show;
mod source;

use annals_runner::cli::Outcome;
use clap::Subcommand;

use self::append::AppendArgs;
use self::list::ListArgs;
use self::retention::{DeletionArgs, ScrubArgs, TombstoneArgs, TruncateArgs};
use self::show::ShowArgs;
use crate::target::TargetArgs;

/// The verbs of `annals stream`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prints the events of a stream, oldest first; exit code 3 when there is no such stream.
    Show(ShowArgs),
    /// Lists streams by name.
    Ls(ListArgs),
    /// Appends one event; exit code 4 when the stream is not as expected.
    Append(Box<AppendArgs>),
    /// Deletes a stream; it may begin again, and the log goes on showing its events.
    Delete(DeletionArgs),
    /// Lets reads of a stream begin at a later version.
    Truncate(TruncateArgs),
    /// Ends a stream for ever.
    Tombstone(TombstoneArgs),
    /// Removes from the log what a deleted, truncated or tombstoned stream no longer shows.
    Scrub(ScrubArgs),
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Show(args) => {
            let store = target.open().await?;
            show::show(&store, &args).await
        }
        Verb::Ls(args) => {
            let store = target.open().await?;
            list::list(&store, &args).await
        }
        Verb::Append(args) => append::append(*args, target).await,
        Verb::Delete(args) => retention::delete(args, target).await,
        Verb::Truncate(args) => retention::truncate(args, target).await,
        Verb::Tombstone(args) => retention::tombstone(args, target).await,
        Verb::Scrub(args) => retention::scrub(args, target).await,
    }
}
