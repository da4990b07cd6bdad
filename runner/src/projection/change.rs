//! What an operator does to a projection, each with a reason.

use std::time::Duration;

use annals_eventstore::GlobalPosition;
use annals_eventstore::postgres::StoreConfig;
use annals_projections::OperateError;
use clap::Args;

use super::{Desk, Which};
use crate::cli::{Failure, Outcome, say};

/// What every change is told.
#[derive(Debug, Args)]
pub struct Changed {
    #[command(flatten)]
    pub(super) which: Which,
    /// Why; kept beside the projections for whoever asks later.
    #[arg(long)]
    pub(super) reason: String,
}

/// What `projection rewind` is told.
#[derive(Debug, Args)]
pub struct RewindArgs {
    #[command(flatten)]
    changed: Changed,
    /// Everything up to this position counts as done; what stands behind it comes again.
    #[arg(long, value_name = "POSITION")]
    to: GlobalPosition,
    /// Confirms that the projection bears what comes twice.
    #[arg(long)]
    yes: bool,
}

/// What `projection reset` is told.
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    changed: Changed,
    /// Confirms that its tables are emptied.
    #[arg(long)]
    yes: bool,
}

/// What `projection skip` is told.
#[derive(Debug, Args)]
pub struct SkipArgs {
    #[command(flatten)]
    changed: Changed,
    /// The event.
    #[arg(long, value_name = "POSITION")]
    position: GlobalPosition,
}

/// What `projection retry` and `discard` are told.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(flatten)]
    changed: Changed,
    /// The key that is blocked, such as account-7.
    #[arg(long)]
    key: String,
    /// How many seconds to wait for the runner that owns the slot.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

pub(super) async fn pause(args: Changed, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let done = desk.operator.pause(&args.which.consumer(), &args.reason).await;
    end(desk, done, format_args!("{} is paused", args.which.name)).await
}

pub(super) async fn resume(args: Changed, log: StoreConfig) -> Outcome {
    let desk = Desk::open(log, &args.which.place).await?;
    let done = desk.operator.resume(&args.which.consumer(), &args.reason).await;
    end(desk, done, format_args!("{} goes on", args.which.name)).await
}

pub(super) async fn rewind(args: RewindArgs, log: StoreConfig) -> Outcome {
    let RewindArgs { changed: Changed { which, reason }, to, yes } = args;
    confirmed(yes, "what comes again is applied twice, unless the projection sees to it")?;
    let desk = Desk::open(log, &which.place).await?;
    let done = desk.operator.rewind(&which.consumer(), to, &reason).await;
    end(desk, done, format_args!("{} is set back to position {to}", which.name)).await
}

pub(super) async fn reset(args: ResetArgs, log: StoreConfig) -> Outcome {
    let ResetArgs { changed: Changed { which, reason }, yes } = args;
    confirmed(yes, "the tables of the projection are emptied and filled anew")?;
    let desk = Desk::open(log, &which.place).await?;
    let done = desk.operator.reset(&which.consumer(), &reason).await;
    end(desk, done, format_args!("{} begins anew", which.name)).await
}

pub(super) async fn skip(args: SkipArgs, log: StoreConfig) -> Outcome {
    let SkipArgs { changed: Changed { which, reason }, position } = args;
    let desk = Desk::open(log, &which.place).await?;
    let done = desk.operator.skip(&which.consumer(), position, &reason).await;
    let told = format_args!("the event at position {position} is skipped when {} comes to it", which.name);
    end(desk, done, told).await
}

pub(super) async fn retry(args: KeyArgs, log: StoreConfig) -> Outcome {
    let KeyArgs { changed: Changed { which, reason }, key, timeout } = args;
    let desk = Desk::open(log, &which.place).await?;
    let patience = Duration::from_secs(timeout);
    let done = desk.operator.retry(&which.consumer(), &key, &reason, patience).await;
    end(desk, done, format_args!("what was parked of {key} is applied")).await
}

pub(super) async fn discard(args: KeyArgs, log: StoreConfig) -> Outcome {
    let KeyArgs { changed: Changed { which, reason }, key, timeout } = args;
    let desk = Desk::open(log, &which.place).await?;
    let patience = Duration::from_secs(timeout);
    let done = desk.operator.discard(&which.consumer(), &key, &reason, patience).await;
    end(desk, done, format_args!("an event of {key} is discarded, and what was behind it applied")).await
}

fn confirmed(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    Err(Failure::usage(format!("{what}; nothing was changed")).advise("confirm with --yes"))
}

async fn end(desk: Desk, done: Result<(), OperateError>, told: std::fmt::Arguments<'_>) -> Outcome {
    desk.close().await;
    done?;
    say(told);
    Ok(())
}
