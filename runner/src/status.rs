//! The verb `status`: which projections there are, how far they are behind, who works on which slot.

use annals_eventstore::postgres::StoreConfig;
use annals_projections::Lag;
use clap::Args;

use crate::cli::{Format, Outcome, Output, Place, open};
use crate::projection::{ReportRow, RunnerRow, SlotRow};

/// What `status` is told.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    format: Format,
}

/// Prints every projection with its slots and its runners: as one JSON object a line, or as tables.
pub(crate) async fn status(args: StatusArgs, log: StoreConfig) -> Outcome {
    let store = open(log).await?;
    let reports = match args.place.operator(&store) {
        Ok(operator) => operator.reports().await,
        Err(failure) => return Err(failure),
    };
    store.close().await;
    let mut output = Output::new(args.format);
    for report in &reports? {
        let row = ReportRow::from(report);
        output.record(&row, || headline(&row))?;
        if !args.format.json {
            output.list(&SlotRow::HEADER, &row.leases, SlotRow::cells)?;
            output.list(&RunnerRow::HEADER, &row.runners, RunnerRow::cells)?;
            output.text("\n")?;
        }
    }
    output.flush()
}

/// One line about a projection.
fn headline(row: &ReportRow) -> String {
    let projection = &row.projection;
    let behind = match row.lag_seconds {
        None => "nothing behind the log".to_owned(),
        Some(age) => {
            let or_more = if row.lag_events >= u64::from(Lag::EVENTS_MAX) { " or more" } else { "" };
            format!("{}{or_more} events behind the log, the first {age:.1} s old", row.lag_events)
        }
    };
    let (name, version, state) = (&projection.projection, projection.version, projection.state());
    format!("{name} version {version}: {state}, at position {}, {behind}", projection.position)
}
