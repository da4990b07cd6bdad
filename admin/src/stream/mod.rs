//! `annals stream`: one stream, or the list of them.

mod append;
mod argument;
mod list;
mod show;
mod source;

use clap::Subcommand;

use self::append::AppendArgs;
use self::list::ListArgs;
use self::show::ShowArgs;
use crate::exit::Outcome;
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
    }
}
