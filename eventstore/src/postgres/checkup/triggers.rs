//! Whether the database still refuses changes of recorded events.

use tokio_postgres::{Error, Row};

use super::diagnosis::Diagnosis;
use super::subject::Subject;

const CHECK: &str = "triggers";

/// What is there only where event ids are required to be unique.
const UNIQUE_IDS: &str = "event_ids_are_unique";

/// Looks whether the triggers of events are there and fire always, also under replication.
pub(super) async fn check(subject: &Subject<'_>) -> Diagnosis {
    let rows = subject.rows(&subject.statements.checkup_triggers).await;
    let faults =
        |rows: &[Row]| rows.iter().filter_map(|row| fault(row).transpose()).collect::<Result<Vec<_>, _>>();
    match rows.and_then(|rows| faults(&rows)) {
        Ok(faults) => judge(subject, &faults),
        Err(error) => Diagnosis::unanswered(CHECK, &error),
    }
}

fn judge(subject: &Subject<'_>, faults: &[String]) -> Diagnosis {
    if faults.is_empty() {
        return Diagnosis::ok(CHECK, "recorded events are refused every change");
    }
    let schema = &subject.config.schema;
    let advice = format!(
        "find out who did so, and what was changed since. One that is there: alter table {schema}.events enable \
         always trigger …; one that is gone: create it as `annals db migrate --print` shows it"
    );
    Diagnosis::fail(CHECK, faults.join("; "), advice)
}

/// What is wrong with a trigger.
fn fault(row: &Row) -> Result<Option<String>, Error> {
    let (name, fires): (&str, Option<&str>) = (row.try_get("trigger_name")?, row.try_get("fires")?);
    let fault = match fires {
        Some("A") => return Ok(None),
        None if name == UNIQUE_IDS => return Ok(None),
        None => "is gone",
        Some("D") => "is disabled",
        Some("R") => "fires under replication only",
        Some(_) => "does not fire under replication",
    };
    Ok(Some(format!("{name} {fault}")))
}
