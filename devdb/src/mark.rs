//! What is written on a database about itself: a comment in JSON, for the sweep.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::sql::{identifier, literal};

/// A mark on a database; times are in seconds since 1970 by the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A template, last used at this time.
    Used { at: i64 },
    /// The database of a failed test, kept since.
    Kept { at: i64, test: String },
}

impl Mark {
    /// Reads a comment; `None` for one that is not ours.
    pub(crate) fn read(comment: &str) -> Option<Mark> {
        let value: Value = serde_json::from_str(comment).ok()?;
        let at = value["at"].as_i64()?;
        match value["annals"].as_str()? {
            "used" => Some(Mark::Used { at }),
            "kept" => Some(Mark::Kept { at, test: value["test"].as_str().unwrap_or_default().to_owned() }),
            _ => None,
        }
    }

    /// Returns the statement that writes the mark on a database.
    pub(crate) fn statement(&self, database: &str) -> String {
        let comment = match self {
            Mark::Used { at } => json!({ "annals": "used", "at": at }),
            Mark::Kept { at, test } => json!({ "annals": "kept", "at": at, "test": test }),
        };
        format!("comment on database {} is {}", identifier(database), literal(&comment.to_string()))
    }
}

/// Writes on a template that it is used now.
pub(crate) async fn mark_used(client: &Client, template: &str) -> Result<(), tokio_postgres::Error> {
    let now: i64 = client.query_one("select extract(epoch from now())::bigint", &[]).await?.get(0);
    client.batch_execute(&Mark::Used { at: now }.statement(template)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark::Kept { at: 7, test: "it's \\ odd".to_owned() };
        let statement = mark.statement("d");
        let comment = statement.split_once(" is '").unwrap().1.trim_end_matches('\'').replace("''", "'");
        assert_eq!(Mark::read(&comment), Some(mark));
        assert_eq!(Mark::read("default administrative connection database"), None);
    }
}
