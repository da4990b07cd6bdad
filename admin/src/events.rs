//! `annals events`: the log of all streams.

use std::pin::pin;
use std::time::Duration;

use annals_eventstore::{
    EventFilter, EventStore, GlobalPosition, LogQuery, PAGE_EVENTS_DEFAULT, PostgresStore, RecordedEvent,
    Subscription,
};
use annals_runner::cli::{Failure, Format, Outcome, Output, open, say};
use clap::{Args, Subcommand};

use crate::event_row::write_event;
use crate::filter::FilterArgs;
use crate::reader::reader_left;
use crate::target::TargetArgs;

/// How many of the newest events `tail` begins with, unless told otherwise.
const LAST_EVENTS: usize = 10;

/// The verbs of `annals events`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Prints the newest events of the log, or those after a position, and follows the log with -f.
    Tail(TailArgs),
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Tail(args) => tail(&args, target).await,
    }
}

#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Go on with events as they are appended, until Ctrl-C (exit code 130).
    #[arg(short, long)]
    follow: bool,
    /// Begin behind this position: a number, start, or end [default: before the 10 newest events].
    #[arg(long, value_name = "POSITION", value_parser = after)]
    after: Option<After>,
    /// The most events to print [default: the 10 newest; all with --after or --follow].
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How often to look for events where wake-ups do not arrive, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    poll_interval: u64,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Clone, Copy)]
enum After {
    Position(GlobalPosition),
    End,
}

async fn tail(args: &TailArgs, target: &TargetArgs) -> Outcome {
    let mut config = target.config().await?;
    config.poll_interval = Duration::from_secs(args.poll_interval);
    let store = open(config).await?;
    let filter = args.filter.filter();
    let output = Output::new(args.format);
    let mut printer = Printer { output, left: args.limit.unwrap_or(usize::MAX), filter };
    let position = match args.after {
        Some(After::Position(position)) => position,
        Some(After::End) => last(&store, &printer.filter, 0).await?.1,
        None => {
            let events = args.limit.unwrap_or(LAST_EVENTS).min(LAST_EVENTS_MAX);
            let (events, head) = last(&store, &printer.filter, events).await?;
            printer.print(&events)?;
            head
        }
    };
    if args.follow {
        follow(store, position, printer).await
    } else if args.after.is_some() {
        read_on(&store, position, printer).await
    } else {
        Ok(())
    }
}

/// The newest events come in one page.
const LAST_EVENTS_MAX: usize = 100_000;

/// Returns the newest events, oldest first, and the position behind them.
async fn last(
    store: &PostgresStore,
    filter: &EventFilter,
    events: usize,
) -> Result<(Vec<RecordedEvent>, GlobalPosition), Failure> {
    let query = LogQuery::before(GlobalPosition::END).wanting(filter.clone()).limit(events);
    let mut page = store.read_log(query).await?;
    page.events.reverse();
    Ok((page.events, page.head))
}

/// Prints what is there behind a position.
async fn read_on(store: &PostgresStore, mut position: GlobalPosition, mut printer: Printer) -> Outcome {
    while printer.left > 0 {
        let limit = printer.left.min(PAGE_EVENTS_DEFAULT);
        let page =
            store.read_log(LogQuery::after(position).wanting(printer.filter.clone()).limit(limit)).await?;
        printer.print(&page.events)?;
        if page.events.len() < limit {
            break;
        }
        position = page.settled_to;
    }
    Ok(())
}

/// Prints what is there behind a position, and what comes.
async fn follow(store: PostgresStore, position: GlobalPosition, mut printer: Printer) -> Outcome {
    let mut subscription = Subscription::after(store, position);
    say(format_args!("following the log after position {position}; Ctrl-C ends"));
    let mut reader_left = pin!(reader_left());
    while printer.left > 0 {
        let page = tokio::select! {
            page = subscription.next() => page?,
            () = &mut reader_left => break,
        };
        printer.print(&page.log.events)?;
    }
    Ok(())
}

/// Prints those events that pass a filter, up to a number of them.
struct Printer {
    output: Output,
    left: usize,
    filter: EventFilter,
}

impl Printer {
    fn print(&mut self, events: &[RecordedEvent]) -> Outcome {
        for event in events.iter().filter(|event| self.filter.wants(event)).take(self.left) {
            write_event(&mut self.output, event)?;
            self.left -= 1;
        }
        self.output.flush()
    }
}

fn after(text: &str) -> Result<After, String> {
    match text {
        "start" => Ok(After::Position(GlobalPosition::START)),
        "end" => Ok(After::End),
        number => number
            .parse()
            .map(After::Position)
            .map_err(|_| "a position is a number, start, or end".to_owned()),
    }
}
