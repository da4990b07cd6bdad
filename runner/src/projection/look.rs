//! Looking at projections.

use annals_eventstore::postgres::StoreConfig;
use clap::Args;
use serde::Serialize;

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

#[derive(Debug, Serialize)]
struct ProjectionRow {
    projection: String,
    version: i32,
    position: i64,
    slots: u16,
    leased: usize,
    stopped: usize,
    paused: bool,
    parked_keys: usize,
    parked_events: usize,
}

/// Lists projections.
pub(super) async fn list(args: &ListArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.place).await?;
    let found = desk.operator.list().await;
    desk.close().await;
    let rows: Vec<ProjectionRow> = found?
        .into_iter()
        .map(|status| ProjectionRow {
            projection: status.projection.name,
            version: status.projection.version,
            position: status.position.into(),
            slots: status.partitions,
            leased: status.leased,
            stopped: status.stopped,
            paused: status.paused,
            parked_keys: status.parked_keys,
            parked_events: status.parked_events,
        })
        .collect();
    let header = ["projection", "version", "position", "slots", "leased", "state", "parked"];
    let mut output = Output::new(args.format);
    output.list(&header, &rows, |row| {
        let state = match (row.paused, row.stopped) {
            (true, _) => "paused".to_owned(),
            (false, 0) => "runs".to_owned(),
            (false, stopped) => format!("{stopped} stopped"),
        };
        let parked = match row.parked_events {
            0 => "-".to_owned(),
            events => format!("{events} of {} keys", row.parked_keys),
        };
        let (version, position) = (row.version.to_string(), row.position.to_string());
        vec![
            row.projection.clone(),
            version,
            position,
            row.slots.to_string(),
            row.leased.to_string(),
            state,
            parked,
        ]
    })?;
    output.flush()
}

#[derive(Debug, Serialize)]
struct SlotRow {
    partition: u16,
    position: i64,
    owner: Option<String>,
    epoch: i64,
    lease_seconds: u64,
    stopped: Option<String>,
}

/// Shows the slots of a projection.
pub(super) async fn slots(args: &LookArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let found = desk.operator.slots(&args.which.consumer()).await;
    desk.close().await;
    let rows: Vec<SlotRow> = found?
        .into_iter()
        .map(|slot| SlotRow {
            partition: slot.partition.0,
            position: slot.position.into(),
            owner: slot.lease.owner.filter(|_| !slot.is_free).map(|owner| owner.to_string()),
            epoch: slot.lease.epoch.0,
            lease_seconds: if slot.is_free { 0 } else { slot.remaining.as_secs() },
            stopped: slot.stopped,
        })
        .collect();
    if rows.is_empty() {
        return Err(unknown(&args.which));
    }
    let mut output = Output::new(args.format);
    output.list(&["slot", "position", "owner", "epoch", "lease", "stopped"], &rows, |row| {
        let owner = row.owner.clone().unwrap_or_else(|| "-".to_owned());
        let (slot, position) = (row.partition.to_string(), row.position.to_string());
        let lease = format!("{} s", row.lease_seconds);
        vec![slot, position, owner, row.epoch.to_string(), lease, row.stopped.clone().unwrap_or_default()]
    })?;
    output.flush()
}

fn unknown(which: &Which) -> Failure {
    let told = format!("projection {} of version {} was never registered", which.name, which.of_version);
    Failure::new(Exit::NotFound, told)
}

#[derive(Debug, Serialize)]
struct RunnerRow {
    runner: String,
    name: String,
    address: Option<String>,
    build: String,
    slots: usize,
}

/// Lists the runners that host a projection.
pub(super) async fn runners(args: &LookArgs, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let found = desk.operator.runners(&args.which.consumer()).await;
    desk.close().await;
    let rows: Vec<RunnerRow> = found?
        .into_iter()
        .map(|runner| RunnerRow {
            runner: runner.id.to_string(),
            name: runner.name,
            address: runner.address,
            build: runner.build,
            slots: runner.slots,
        })
        .collect();
    let mut output = Output::new(args.format);
    output.list(&["runner", "name", "address", "build", "slots"], &rows, |row| {
        let address = row.address.clone().unwrap_or_else(|| "-".to_owned());
        vec![row.runner.clone(), row.name.clone(), address, row.build.clone(), row.slots.to_string()]
    })?;
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
