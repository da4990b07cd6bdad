//! Whether the log is sound, so that it takes events and readers may trust its positions.

use super::diagnosis::Diagnosis;
use super::subject::Subject;
use crate::postgres::repair::{LogFinding, findings};

const CHECK: &str = "log";

/// Asks the log for what is wrong with it, a line each.
pub(super) async fn check(subject: &Subject<'_>) -> Vec<Diagnosis> {
    let rows = subject.rows(&subject.statements.examine_log).await;
    match rows.and_then(|rows| findings(&rows)) {
        Ok(found) if found.is_empty() => vec![Diagnosis::ok(CHECK, "sound")],
        Ok(found) => found.iter().map(told).collect(),
        Err(error) => vec![Diagnosis::unanswered(CHECK, &error)],
    }
}

fn told(LogFinding { finding, detail, remedy }: &LogFinding) -> Diagnosis {
    Diagnosis::fail(CHECK, format!("{finding}: {detail}"), format!("nothing is appended before; {remedy}"))
}
