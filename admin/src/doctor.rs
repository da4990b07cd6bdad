//! `annals doctor`: whether a log, and the server that it is on, are as they should be.

use std::time::Duration;

use annals_eventstore::postgres::{CheckUpOptions, Diagnosis, Verdict, check_up};
use annals_runner::cli::{Exit, Failure, Format, Outcome, Output};
use clap::Args;
use serde::Serialize;

use crate::target::TargetArgs;

/// What `annals doctor` is told.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    format: Format,
    /// From which age on an open append, or a prepared transaction, counts as forgotten.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    open_for_max: Duration,
    /// Let warnings fail as well.
    #[arg(long)]
    strict: bool,
}

/// Prints a line for each check; exit code 5 when one has failed.
pub(crate) async fn run(args: DoctorArgs, target: &TargetArgs) -> Outcome {
    let options = CheckUpOptions { open_for_max: args.open_for_max };
    let found = check_up(&target.config().await?, options).await?;
    let mut output = Output::new(args.format);
    for each in &found {
        output.record(&DiagnosisRow::of(each), || line(each))?;
    }
    output.flush()?;
    let worst = if args.strict { Verdict::Warn } else { Verdict::Fail };
    let failed = found.iter().filter(|each| each.verdict >= worst).count();
    match failed {
        0 => Ok(()),
        failed => Err(Failure::new(Exit::ProbeFailed, format!("{failed} of {} checks failed", found.len()))
            .advise("docs/doctor.md says what each check means")),
    }
}

/// A diagnosis, with the names of its fields.
#[derive(Debug, Serialize)]
struct DiagnosisRow<'a> {
    check: &'static str,
    verdict: &'static str,
    found: &'a str,
    advice: Option<&'a str>,
}

impl<'a> DiagnosisRow<'a> {
    fn of(diagnosis: &'a Diagnosis) -> Self {
        Self {
            check: diagnosis.check,
            verdict: diagnosis.verdict.as_str(),
            found: &diagnosis.found,
            advice: diagnosis.advice.as_deref(),
        }
    }
}

/// One line, and one more for what to do.
fn line(diagnosis: &Diagnosis) -> String {
    let Diagnosis { check, verdict, found, advice, .. } = diagnosis;
    let told = format!("{verdict:<4}  {check:<21}  {}", found.replace('\n', " "));
    match advice {
        Some(advice) => format!("{told}\n      help: {advice}"),
        None => told,
    }
}

/// A time in seconds; 0 lets everything count that is open.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
