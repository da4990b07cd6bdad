//! `annals db repair`: makes a log sound again after a restore or a failover.

use annals_eventstore::postgres::{LogFinding, examine_log, repair_log};
use annals_runner::cli::{Exit, Failure, Format, Outcome, Output, say};
use clap::Args;
use serde::Serialize;

use crate::target::TargetArgs;

/// What `annals db repair` is told.
#[derive(Debug, Args)]
pub(crate) struct RepairArgs {
    /// Tell what is wrong, and change nothing; exit code 5 when something is.
    #[arg(long)]
    check: bool,
    /// Make another log of it also when nothing is wrong, as after a restore to an older state: every checkpoint
    /// elsewhere notices.
    #[arg(long, conflicts_with = "check")]
    new_lineage: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct FindingRow {
    finding: String,
    detail: String,
    remedy: String,
}

#[derive(Debug, Serialize)]
struct DoneRow {
    done: String,
}

/// Examines the log, and repairs it unless it was only to be checked.
pub(crate) async fn run(args: RepairArgs, target: &TargetArgs) -> Outcome {
    let (options, schema) = (target.connect_options().await?, target.schema()?);
    let findings = examine_log(&options, &schema).await?;
    if args.check {
        return tell(&findings, args.format);
    }
    for LogFinding { finding, detail, .. } in &findings {
        say(format_args!("{finding}: {detail}"));
    }
    if findings.is_empty() && !args.new_lineage {
        say("the log is sound: nothing was changed");
        return Ok(());
    }
    let rows: Vec<_> =
        repair_log(&options, &schema).await?.into_iter().map(|done| DoneRow { done }).collect();
    let mut output = Output::new(args.format);
    output.list(&["done"], &rows, |row| vec![row.done.clone()])?;
    output.flush()
}

/// Fails where a log is not sound, and tells why.
pub(crate) async fn require_sound(target: &TargetArgs) -> Outcome {
    let findings = examine_log(&target.connect_options().await?, &target.schema()?).await?;
    for LogFinding { finding, detail, .. } in &findings {
        say(format_args!("{finding}: {detail}"));
    }
    verdict(&findings)
}

fn tell(findings: &[LogFinding], format: Format) -> Outcome {
    let row = |each: &'_ LogFinding| FindingRow {
        finding: each.finding.clone(),
        detail: each.detail.clone(),
        remedy: each.remedy.clone(),
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    let mut output = Output::new(format);
    output.list(&["finding", "detail", "remedy"], &rows, |row| {
        vec![row.finding.clone(), row.detail.clone(), row.remedy.clone()]
    })?;
    output.flush()?;
    verdict(findings)
}

fn verdict(findings: &[LogFinding]) -> Outcome {
    match findings.len() {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::ProbeFailed, "the log needs repair, and takes no event before")
            .advise("run: annals db repair")),
    }
}
