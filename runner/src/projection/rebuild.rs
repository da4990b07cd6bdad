//! Building a projection anew, and looking how far that has come.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use annals_eventstore::postgres::StoreConfig;
use annals_projections::{OperateError, RebuildOptions, RebuildProgress, RebuildState};
use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::{Changed, Desk, Which};
use crate::cli::{Exit, Failure, Format, Outcome, Output, say};

/// What `projection rebuild` is told.
#[derive(Debug, Args)]
pub struct RebuildArgs {
    #[command(flatten)]
    changed: Changed,
    /// A query, or a file that ends in .sql with one, that has to be content with the new tables: it gives no row, or
    /// nothing but true.
    #[arg(long, value_name = "SQL|FILE")]
    verify: Option<String>,
    /// The most events a second, over all runners.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u32).range(1..))]
    throttle: Option<u32>,
    /// Keeps the old tables, in a schema beside the new ones.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    follow: Follow,
}

/// What `projection progress` is told.
#[derive(Debug, Args)]
pub struct ProgressArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    follow: Follow,
}

/// Whether it is waited for, and how it is written.
#[derive(Debug, Args)]
struct Follow {
    /// Stays until the rebuild is over; exit code 1 where it is not done then.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct ProgressRow {
    rebuild: i64,
    projection: String,
    version: i32,
    replaces: i32,
    state: &'static str,
    position: i64,
    head: i64,
    positions_per_second: Option<f64>,
    remaining_seconds: Option<u64>,
    seconds: f64,
    frozen_seconds: Option<f64>,
    waits_for: Option<String>,
    failure: Option<String>,
    handed_over: Vec<i64>,
    reason: String,
    asked_by: String,
}

impl From<&RebuildProgress> for ProgressRow {
    fn from(progress: &RebuildProgress) -> Self {
        Self {
            rebuild: progress.id,
            projection: progress.projection.name.clone(),
            version: progress.projection.version,
            replaces: progress.replaces,
            state: progress.state.as_str(),
            position: progress.position.into(),
            head: progress.head.into(),
            positions_per_second: progress.rate(),
            remaining_seconds: remaining(progress).map(|remaining| remaining.as_secs()),
            seconds: progress.took.as_secs_f64(),
            frozen_seconds: progress.frozen.map(|frozen| frozen.as_secs_f64()),
            waits_for: progress.waits_for.clone(),
            failure: progress.failure.clone(),
            handed_over: progress.handed_over.iter().map(|position| i64::from(*position)).collect(),
            reason: progress.reason.clone(),
            asked_by: progress.asked_by.clone(),
        }
    }
}

/// Asks for a rebuild, and stays with it where that is wanted.
pub(super) async fn rebuild(args: RebuildArgs, log: StoreConfig) -> Outcome {
    let RebuildArgs { changed: Changed { which, reason }, verify, throttle, keep, follow } = args;
    let verification = verify.map(query).transpose()?;
    let options = RebuildOptions { verification, events_per_second: throttle, keep_old: keep };
    let (desk, consumer) = (Desk::open(log, &which.place).await?, which.consumer());
    let asked = desk.operator.rebuild(&consumer, &options, &reason).await;
    let runners = desk.operator.runners(&consumer).await;
    let told = match (&asked, runners) {
        (Ok(id), Ok(runners)) => {
            say(format_args!("{} is built anew, as rebuild {id}", which.name));
            if runners.is_empty() {
                say(format_args!("nobody hosts {} now: it begins when a runner does", which.name));
            }
            if follow.follow { show(&desk, &which, &follow).await } else { Ok(()) }
        }
        (Ok(_), Err(error)) => Err(error.into()),
        (Err(_), _) => Ok(()),
    };
    desk.close().await;
    asked?;
    told
}

/// Takes a query as it is, or from a file.
fn query(told: String) -> Result<String, Failure> {
    if !told.ends_with(".sql") {
        return Ok(told);
    }
    let read = std::fs::read_to_string(&told);
    read.map_err(|error| Failure::usage(format!("verification {told} cannot be read: {error}")))
}

/// Calls a rebuild off.
pub(super) async fn cancel(args: Changed, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let done = desk.operator.cancel_rebuild(&args.which.consumer(), &args.reason).await;
    desk.close().await;
    done?;
    say(format_args!("the rebuild of {} is called off, its live tables go on", args.which.name));
    Ok(())
}

/// Shows how far the last rebuild has come.
pub(super) async fn progress(args: ProgressArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let shown = show(&desk, &args.which, &args.follow).await;
    desk.close().await;
    shown
}

async fn show(desk: &Desk, which: &Which, follow: &Follow) -> Outcome {
    let (mut output, on_terminal) = (Output::new(follow.format), io::stdout().is_terminal());
    let mut followed = pin!(desk.operator.follow_rebuild(&which.name));
    let mut last: Option<RebuildProgress> = None;
    while let Some(progress) = followed.next().await.transpose().map_err(Failure::from)? {
        let is_news = last.as_ref().is_none_or(|last| told(last) != told(&progress));
        if follow.format.json || !on_terminal {
            if is_news {
                output.record(&ProgressRow::from(&progress), || told(&progress))?;
                output.flush()?;
            }
        } else {
            // Over itself: on a terminal a rebuild is one line.
            output.text(&format!("\r\u{1b}[K{}", told(&progress)))?;
            output.flush()?;
        }
        last = Some(progress);
        if !follow.follow {
            break;
        }
    }
    if on_terminal && !follow.format.json {
        let _ = writeln!(io::stdout());
    }
    ended(last, which, follow)
}

fn ended(last: Option<RebuildProgress>, which: &Which, follow: &Follow) -> Outcome {
    let Some(last) = last else {
        return Err(Failure::new(Exit::NotFound, format!("{} was never built anew", which.name)));
    };
    match last.state {
        RebuildState::Failed | RebuildState::Cancelled if follow.follow => Err(Failure::silent(Exit::Failed)),
        _ => Ok(()),
    }
}

/// How long it will take yet, where it is filled.
fn remaining(progress: &RebuildProgress) -> Option<Duration> {
    progress.remaining().filter(|_| progress.state == RebuildState::Filling)
}

/// Tells a rebuild in one line.
fn told(progress: &RebuildProgress) -> String {
    let RebuildProgress { id, state, position, head, .. } = progress;
    let mut line = format!("rebuild {id} {state}: {position} of {head}");
    if let Some(rate) = progress.rate() {
        line += &format!(", {rate:.0}/s");
    }
    if let Some(remaining) = remaining(progress) {
        line += &format!(", {} s to go", remaining.as_secs());
    }
    if let Some(frozen) = progress.frozen {
        line += &format!(", swapped within {} ms", frozen.as_millis());
    }
    if let Some(why) = progress.failure.as_ref().or(progress.waits_for.as_ref()) {
        line += &format!(", {why}");
    }
    line
}

/// Tells on standard error what is under way, where it is.
pub(super) async fn say_under_way(desk: &Desk, which: &Which) -> Result<(), OperateError> {
    let progress = desk.operator.rebuild_progress(&which.name).await?;
    if let Some(progress) = progress.filter(|progress| !progress.state.is_over()) {
        say(told(&progress));
    }
    Ok(())
}
