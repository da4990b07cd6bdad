//! `annals db index`: the optional indexes of the log.

use annals_eventstore::postgres::{IndexState, OptionalIndex, add_index, drop_index, optional_indexes};
use annals_runner::cli::{Format, Outcome, Output, say};
use clap::Subcommand;
use serde::Serialize;

use crate::target::TargetArgs;

/// The verbs of `annals db index`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists the optional indexes, and which of them there are.
    Ls(Format),
    /// Builds an index, beside running appends: it reads the whole log and waits for open transactions.
    Add {
        /// Which one: category, event-type, event-id, correlation, recorded-at.
        name: OptionalIndex,
        /// Print the statement instead, and touch no database.
        #[arg(long)]
        print: bool,
    },
    /// Drops an index, beside running appends.
    Drop {
        /// Which one.
        name: OptionalIndex,
    },
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Ls(format) => list(format, target).await,
        Verb::Add { name, print: true } => print_statement(name, target),
        Verb::Add { name, print: false } => {
            let added = add_index(&target.connect_options().await?, &target.schema()?, name).await?;
            say(format_args!("index {name} {}", if added { "is built" } else { "was there" }));
            Ok(())
        }
        Verb::Drop { name } => {
            let dropped = drop_index(&target.connect_options().await?, &target.schema()?, name).await?;
            say(format_args!("index {name} {}", if dropped { "is gone" } else { "was not there" }));
            Ok(())
        }
    }
}

fn print_statement(index: OptionalIndex, target: &TargetArgs) -> Outcome {
    let mut output = Output::plain();
    output.text(&format!("{};\n", index.statement(&target.schema()?).trim_end()))?;
    output.flush()
}

#[derive(Debug, Serialize)]
struct IndexRow {
    index: &'static str,
    state: &'static str,
    bytes: i64,
}

async fn list(format: Format, target: &TargetArgs) -> Outcome {
    let indexes = optional_indexes(&target.connect_options().await?, &target.schema()?).await?;
    let state = |state| match state {
        IndexState::Absent => "absent",
        IndexState::Unfinished => "unfinished",
        IndexState::Ready => "ready",
    };
    let rows: Vec<IndexRow> = indexes
        .iter()
        .map(|each| IndexRow { index: each.index.name(), state: state(each.state), bytes: each.bytes })
        .collect();
    let mut output = Output::new(format);
    output.list(&["index", "state", "bytes"], &rows, |row| {
        vec![row.index.to_owned(), row.state.to_owned(), row.bytes.to_string()]
    })?;
    output.flush()
}
