//! Whether prepared transactions were forgotten: nothing but an operator ends them.

use std::time::Duration;

use tokio_postgres::{Error, Row};

use super::blockers::seconds;
use super::diagnosis::Diagnosis;
use super::subject::Subject;
use crate::postgres::fence_blockers::FenceBlocker;

const CHECK: &str = "prepared_transactions";

/// Lists prepared transactions of this database that are older than they should be, a line each. Those that have
/// appended are said to hold readers back.
pub(super) async fn check(
    subject: &Subject<'_>,
    prepared_max: Option<i32>,
    open_appends: &[FenceBlocker],
) -> Vec<Diagnosis> {
    let holds = |gid: &str| open_appends.iter().any(|open| open.holder.gid() == Some(gid));
    let rows = match subject.rows(&subject.statements.checkup_prepared).await {
        Ok(rows) => rows,
        Err(error) => return vec![Diagnosis::unanswered(CHECK, &error)],
    };
    let old = rows.iter().filter_map(|row| forgotten(row, subject.open_for_max, holds).transpose());
    match old.collect::<Result<Vec<Diagnosis>, Error>>() {
        Err(error) => vec![Diagnosis::unanswered(CHECK, &error)],
        Ok(old) if !old.is_empty() => old,
        Ok(_) => vec![Diagnosis::ok(CHECK, told(rows.len(), prepared_max))],
    }
}

fn told(prepared: usize, prepared_max: Option<i32>) -> String {
    match prepared_max {
        Some(0) => "none, and none are allowed".to_owned(),
        Some(max) => format!("{prepared} of at most {max}"),
        None => prepared.to_string(),
    }
}

fn forgotten(
    row: &Row,
    open_for_max: Duration,
    holds: impl Fn(&str) -> bool,
) -> Result<Option<Diagnosis>, Error> {
    let (gid, owner): (&str, &str) = (row.try_get("gid")?, row.try_get("owner_name")?);
    let age = Duration::try_from_secs_f64(row.try_get("open_seconds")?).unwrap_or_default();
    if age < open_for_max {
        return Ok(None);
    }
    let holding = if holds(gid) { ", holds readers of the log back" } else { "" };
    let found = format!("{gid:?} of {owner}, in doubt for {}{holding}", seconds(age));
    let quoted = gid.replace('\'', "''");
    let advice = format!(
        "it keeps its locks, and vacuum from cleaning up; end it by what its coordinator decided: commit prepared \
         '{quoted}' or rollback prepared '{quoted}'"
    );
    Ok(Some(Diagnosis::warn(CHECK, found, advice)))
}
