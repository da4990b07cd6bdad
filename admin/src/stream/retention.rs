//! `annals stream delete`, `truncate`, `tombstone` and `scrub`: what is read of a stream ends, and its events go.

use annals_eventstore::{
    Deleted, Deletion, ExpectedVersion, PostgresStore, SCRUB_BATCH_EVENTS_DEFAULT, Scrub, Scrubbed,
    StreamName, StreamRetention, Version,
};
use annals_runner::cli::{Failure, Format, Outcome, Output};
use clap::Args;
use serde::Serialize;

use super::argument::{expected, version};
use crate::target::TargetArgs;

/// What every deletion is told.
#[derive(Debug, Args)]
pub(crate) struct DeletionArgs {
    /// The stream, such as account-7.
    name: StreamName,
    /// What the stream must look like: any, none, exists, or its version.
    #[arg(long, value_name = "any|none|exists|VERSION", default_value = "exists", value_parser = expected)]
    expect: ExpectedVersion,
    /// Why; kept in the log's schema for whoever asks later.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// What `annals stream truncate` is told.
#[derive(Debug, Args)]
pub(crate) struct TruncateArgs {
    #[command(flatten)]
    deletion: DeletionArgs,
    /// The first version that is still read.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    before: Version,
}

/// What `annals stream tombstone` is told.
#[derive(Debug, Args)]
pub(crate) struct TombstoneArgs {
    #[command(flatten)]
    deletion: DeletionArgs,
    /// Confirms what cannot be undone.
    #[arg(long)]
    yes: bool,
}

/// What `annals stream scrub` is told.
#[derive(Debug, Args)]
pub(crate) struct ScrubArgs {
    /// The stream, such as account-7; it was deleted, truncated or tombstoned before.
    name: StreamName,
    /// Why; kept in the log's schema for whoever asks later.
    #[arg(long)]
    reason: Option<String>,
    /// The most events and keys to remove in one transaction.
    #[arg(long, value_name = "N", default_value_t = SCRUB_BATCH_EVENTS_DEFAULT, value_parser = at_least_one)]
    batch: usize,
    /// Confirms what cannot be undone.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| format!("{text:?} is no number above 0"))
}

/// Deletes a stream and prints the receipt.
pub(super) async fn delete(args: DeletionArgs, target: &TargetArgs) -> Outcome {
    let store = target.open().await?;
    let deleted = store.delete_stream(args.deletion()).await;
    end(store, &args, deleted?, "deleted").await
}

/// Truncates a stream and prints the receipt.
pub(super) async fn truncate(args: TruncateArgs, target: &TargetArgs) -> Outcome {
    let store = target.open().await?;
    let deleted = store.truncate_stream(args.deletion.deletion(), args.before).await;
    end(store, &args.deletion, deleted?, "truncated").await
}

/// Tombstones a stream and prints the receipt.
pub(super) async fn tombstone(args: TombstoneArgs, target: &TargetArgs) -> Outcome {
    confirmed(args.yes, "a tombstoned stream takes no event and shows none, for ever")?;
    let store = target.open().await?;
    let deleted = store.tombstone_stream(args.deletion.deletion()).await;
    end(store, &args.deletion, deleted?, "tombstoned").await
}

/// Scrubs a stream and prints what went.
pub(super) async fn scrub(args: ScrubArgs, target: &TargetArgs) -> Outcome {
    confirmed(args.yes, "scrubbed events are gone from the log, for ever")?;
    let store = target.open().await?;
    let mut scrub = Scrub::of(args.name.clone()).in_batches_of(args.batch);
    scrub.reason = args.reason;
    let scrubbed = store.scrub_stream(scrub).await;
    store.close().await;
    let Scrubbed { events_removed, keys_removed, .. } = scrubbed?;
    let mut output = Output::new(args.format);
    output.record(&ScrubRow { events_removed, keys_removed }, || {
        format!("{}: {events_removed} events and {keys_removed} keys removed", args.name)
    })?;
    output.flush()
}

fn confirmed(yes: bool, what: &str) -> Result<(), Failure> {
    if yes {
        Ok(())
    } else {
        Err(Failure::usage(format!("{what}; nothing was changed")).advise("confirm with --yes"))
    }
}

async fn end(store: PostgresStore, args: &DeletionArgs, deleted: Deleted, done: &str) -> Outcome {
    store.close().await;
    let Deleted { version, first_version, already_applied } = deleted;
    let row = DeletionRow { version: version.get(), first_version: first_version.get(), already_applied };
    let mut output = Output::new(args.format);
    output.record(&row, || {
        let again = if already_applied { " (was so already)" } else { "" };
        format!("{} {done} at version {version}; reads begin at {first_version}{again}", args.name)
    })?;
    output.flush()
}

impl DeletionArgs {
    fn deletion(&self) -> Deletion {
        Deletion { stream: self.name.clone(), expected: self.expect, reason: self.reason.clone() }
    }
}

#[derive(Debug, Serialize)]
struct DeletionRow {
    version: i64,
    first_version: i64,
    already_applied: bool,
}

#[derive(Debug, Serialize)]
struct ScrubRow {
    events_removed: u64,
    keys_removed: u64,
}
