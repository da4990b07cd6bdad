//! Whether the indexes of the log can be used, and the optional ones are.

use tokio_postgres::{Error, Row};

use super::diagnosis::Diagnosis;
use super::subject::Subject;
use crate::postgres::optional_index::OptionalIndex;

const CHECK: &str = "indexes";

/// One index, as it is in the database.
struct Found {
    name: String,
    optional: Option<OptionalIndex>,
    is_valid: bool,
    scans: i64,
    counted_since: Option<chrono::DateTime<chrono::Utc>>,
}

/// Lists indexes that cannot be used or that nobody uses, a line each.
pub(super) async fn check(subject: &Subject<'_>) -> Vec<Diagnosis> {
    let rows = subject.rows(&subject.statements.checkup_indexes).await;
    let found = rows.and_then(|rows| rows.iter().map(Found::told).collect::<Result<Vec<_>, _>>());
    let found = match found {
        Ok(found) => found,
        Err(error) => return vec![Diagnosis::unanswered(CHECK, &error)],
    };
    let faults: Vec<Diagnosis> = found.iter().filter_map(|index| index.fault(subject)).collect();
    if !faults.is_empty() {
        return faults;
    }
    let optional =
        found.iter().filter_map(|index| index.optional.map(|name| format!("{name} ({} uses)", index.scans)));
    let optional: Vec<String> = optional.collect();
    let optional = if optional.is_empty() { "none".to_owned() } else { optional.join(", ") };
    vec![Diagnosis::ok(CHECK, format!("{} in use; optional ones: {optional}", found.len()))]
}

impl Found {
    fn told(row: &Row) -> Result<Self, Error> {
        let name: String = row.try_get("index_name")?;
        let optional = OptionalIndex::ALL.into_iter().find(|index| index.own_relation() == name);
        Ok(Self {
            optional,
            is_valid: row.try_get("is_valid")?,
            scans: row.try_get("scans")?,
            counted_since: row.try_get("counted_since")?,
            name,
        })
    }

    fn fault(&self, subject: &Subject<'_>) -> Option<Diagnosis> {
        match self.optional {
            Some(index) if !self.is_valid => {
                let found = format!(
                    "{index} costs every append and serves nobody: it is being built, or building it failed"
                );
                let advice = format!(
                    "if nobody is building it: annals db index add {index}, or annals db index drop {index}"
                );
                Some(Diagnosis::warn(CHECK, found, advice))
            }
            Some(index) if self.scans == 0 => {
                let since = self
                    .counted_since
                    .map_or_else(|| "statistics began".to_owned(), |since| since.to_string());
                let found = format!("{index} costs every append and was not used since {since}");
                let advice = format!("unless it was added a moment ago: annals db index drop {index}");
                Some(Diagnosis::warn(CHECK, found, advice))
            }
            None if !self.is_valid => {
                let (schema, name) = (&subject.config.schema, &self.name);
                let advice = format!("reindex index concurrently {schema}.{name}");
                Some(Diagnosis::fail(CHECK, format!("{name} cannot be used"), advice))
            }
            _ => None,
        }
    }
}
