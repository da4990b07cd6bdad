//! `annals claim`: who holds a key that only one stream may have, and releasing it.

use annals_eventstore::{Claim, ClaimRegistry, ClaimRelease, HeldClaim, StreamName};
use annals_runner::cli::{Exit, Failure, Format, Outcome, Output};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::target::TargetArgs;

/// The verbs of `annals claim`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tells which stream holds a claim, and since when; exit code 3 when none does.
    Show(ShowArgs),
    /// Releases a claim in place of the stream that holds it, which learns nothing of it; exit code 4 when another
    /// stream holds it than was said.
    Release(ReleaseArgs),
}

/// Which claim.
#[derive(Debug, Args)]
pub(crate) struct ClaimArgs {
    /// What kind of key it is, such as e-mail.
    space: String,
    /// The key, such as ann@example.org.
    value: String,
}

/// What `annals claim show` is told.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    claim: ClaimArgs,
    #[command(flatten)]
    format: Format,
}

/// What `annals claim release` is told.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    #[command(flatten)]
    claim: ClaimArgs,
    /// Why; kept in the log's schema for whoever asks later.
    #[arg(long)]
    reason: String,
    /// The stream that must hold it, such as customer-7; any, unless told.
    #[arg(long, value_name = "STREAM")]
    holder: Option<StreamName>,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct HeldRow {
    space: String,
    value: String,
    holder: String,
    since: String,
}

/// Runs one of the verbs.
pub(crate) async fn run(verb: Verb, target: &TargetArgs) -> Outcome {
    match verb {
        Verb::Show(args) => show(args, target).await,
        Verb::Release(args) => release(args, target).await,
    }
}

async fn show(args: ShowArgs, target: &TargetArgs) -> Outcome {
    let claim = args.claim.claim()?;
    let store = target.open().await?;
    let found = store.find_claim(&claim).await;
    store.close().await;
    let held =
        found?.ok_or_else(|| Failure::new(Exit::NotFound, format!("claim {claim} is held by no stream")))?;
    tell(&held, args.format, "is held")
}

async fn release(args: ReleaseArgs, target: &TargetArgs) -> Outcome {
    let release = ClaimRelease { claim: args.claim.claim()?, reason: args.reason, holder: args.holder };
    let store = target.open().await?;
    let released = store.release_claim(release).await;
    store.close().await;
    tell(&released?, args.format, "is released; it was held")
}

fn tell(held: &HeldClaim, format: Format, what: &str) -> Outcome {
    let HeldClaim { claim, holder, since } = held;
    let (space, value) = (claim.space().to_owned(), claim.value().to_owned());
    let row = HeldRow { space, value, holder: holder.to_string(), since: since.to_rfc3339() };
    let mut output = Output::new(format);
    output.record(&row, || format!("claim {claim} {what} by stream {holder} since {}", row.since))?;
    output.flush()
}

impl ClaimArgs {
    fn claim(&self) -> Result<Claim, Failure> {
        Claim::new(&self.space, &self.value).map_err(Failure::usage)
    }
}
