//! Looking at projections.

use annals_eventstore::postgres::StoreConfig;
use clap::Args;
use serde::Serialize;

use super::rebuild::say_under_way;
use super::rows::{ProjectionRow, RunnerRow, SlotRow};
use super::{Desk, Which};
use crate::cli::{Exit, Failure, Format, Outcome, Output, Place};

/// What `projection ls` is told.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: Format,
}

/// What `projection show` and `runners` are told.
#[derive(Debug, Args)]
pub struct LookArgs {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    format: Format,
}

/// What `projection parked` is told.
#[derive(Debug, Args)]
pub struct ParkedArgs {
    #[command(flatten)]
    which: Which,
    /// The most events to list.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Exit code 5 where there are any.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    format: Format,
}

/// Lists projections.
pub(super) async fn list(args: &ListArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.place).await?;
    let found = desk.operator.list().await;
    desk.close().await;
    let rows: Vec<ProjectionRow> = found?.iter().map(ProjectionRow::from).collect();
    let mut output = Output::new(args.format);
    output.list(&ProjectionRow::HEADER, &rows, ProjectionRow::cells)?;
    output.flush()
}

/// Shows the slots of a projection.
pub(super) async fn slots(args: &LookArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let found = desk.operator.slots(&args.which.consumer()).await;
    let under_way = say_under_way(&desk, &args.which).await;
    desk.close().await;
    under_way?;
    let rows: Vec<SlotRow> = found?.iter().map(SlotRow::from).collect();
    if rows.is_empty() {
        return Err(unknown(&args.which));
    }
    let mut output = Output::new(args.format);
    output.list(&SlotRow::HEADER, &rows, SlotRow::cells)?;
    output.flush()
}

fn unknown(which: &Which) -> Failure {
    let told = format!("projection {} of version {} was never registered", which.name, which.of_version);
    Failure::new(Exit::NotFound, told)
}

/// Lists the runners that host a projection.
pub(super) async fn runners(args: &LookArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let found = desk.operator.runners(&args.which.consumer()).await;
    desk.close().await;
    let rows: Vec<RunnerRow> = found?.iter().map(RunnerRow::from).collect();
    let mut output = Output::new(args.format);
    output.list(&RunnerRow::HEADER, &rows, RunnerRow::cells)?;
    output.flush()
}

#[derive(Debug, Serialize)]
struct ParkedRow {
    key: String,
    position: i64,
    event_id: String,
    stream: String,
    event_type: String,
    attempts: u32,
    reason: Option<String>,
}

/// Lists parked events.
pub(super) async fn parked(args: &ParkedArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let found = desk.operator.parked(&args.which.consumer(), args.limit).await;
    desk.close().await;
    let rows: Vec<ParkedRow> = found?
        .into_iter()
        .map(|event| ParkedRow {
            key: event.key,
            position: event.position.into(),
            event_id: event.event_id.to_string(),
            stream: event.stream,
            event_type: event.event_type,
            attempts: event.attempts,
            reason: event.reason,
        })
        .collect();
    let mut output = Output::new(args.format);
    output.list(&["key", "position", "type", "attempts", "reason"], &rows, |row| {
        let reason = row.reason.clone().unwrap_or_else(|| "waits".to_owned());
        vec![
            row.key.clone(),
            row.position.to_string(),
            row.event_type.clone(),
            row.attempts.to_string(),
            reason,
        ]
    })?;
    output.flush()?;
    if args.check && !rows.is_empty() { Err(Failure::silent(Exit::ProbeFailed)) } else { Ok(()) }
}
