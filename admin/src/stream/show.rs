//! `annals stream show`: the events of one stream, page by page.

use annals_eventstore::{
    Direction, EventStore, PAGE_EVENTS_DEFAULT, PostgresStore, StreamName, StreamQuery, Version,
};
use annals_runner::cli::{Format, Outcome, Output};
use clap::Args;

use super::argument::version;
use crate::event_row::write_event;

/// What `annals stream show` is told.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The stream, such as account-7.
    name: StreamName,
    /// The version to begin at, inclusive [default: the first, or the last with --backward].
    #[arg(long, value_name = "VERSION", value_parser = version)]
    from: Option<Version>,
    /// The most events to print [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Newest first.
    #[arg(long)]
    backward: bool,
    #[command(flatten)]
    format: Format,
}

/// Prints the events.
pub(super) async fn show(store: &PostgresStore, args: &ShowArgs) -> Outcome {
    let mut output = Output::new(args.format);
    let mut query = if args.backward { StreamQuery::backward() } else { StreamQuery::forward() };
    query.from = args.from.unwrap_or(query.from);
    let mut left = args.limit.unwrap_or(usize::MAX);
    loop {
        query.limit = left.min(PAGE_EVENTS_DEFAULT);
        let events = store.read_stream(&args.name, query).await?;
        for event in &events {
            write_event(&mut output, event)?;
        }
        output.flush()?;
        left -= events.len();
        match events.last().and_then(|last| behind(last.version, query.direction)) {
            Some(next) if left > 0 && events.len() == query.limit => query.from = next,
            _ => return Ok(()),
        }
    }
}

/// Returns where the next page begins; nothing behind the first event.
fn behind(version: Version, direction: Direction) -> Option<Version> {
    match direction {
        Direction::Forward => Some(version.next()),
        Direction::Backward => {
            Version::try_from(version.get() - 1).ok().filter(|before| *before != Version::NONE)
        }
    }
}
