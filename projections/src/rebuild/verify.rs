//! Asking a query whether it is content with the new tables.
//!
//! It is when it gives no row, or nothing but `true`. Any other row speaks against them: so a query may count and compare,
//! or list what is wrong. It is one statement, and it can change nothing.

use annals_eventstore::postgres::SchemaName;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Transaction};

use super::refusal::StepError;
use crate::hosted::search_path;

/// How many rows are told that speak against the new tables.
const TOLD: usize = 3;

/// Asks; an answer that speaks against the tables fails the rebuild.
pub(super) async fn verify(
    transaction: &mut Transaction<'_>,
    shadow: &SchemaName,
    query: &str,
) -> Result<(), StepError> {
    let inside = transaction.transaction().await?;
    let settings = format!("{}; set local transaction_read_only = on", search_path(shadow));
    inside.batch_execute(&settings).await?;
    let query = query.trim().trim_end_matches(';');
    let answer = inside.query(&format!("select row_to_json(v)::text from (\n{query}\n) as v"), &[]).await;
    let rows = answer.map_err(refused)?;
    let rows: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, Error>>()?;
    inside.rollback().await?;
    let against: Vec<&str> =
        rows.iter().map(String::as_str).filter(|row| !is_content(row)).take(TOLD).collect();
    if against.is_empty() {
        return Ok(());
    }
    Err(StepError::Fails(format!("the verification speaks against the new tables: {}", against.join(", "))))
}

fn is_content(row: &str) -> bool {
    let row: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(row);
    row.is_ok_and(|row| row.values().all(|value| *value == serde_json::Value::Bool(true)))
}

fn refused(error: Error) -> StepError {
    match error.as_db_error() {
        Some(answer) if *answer.code() == SqlState::QUERY_CANCELED => {
            StepError::Fails(format!("the verification takes too long: {}", answer.message()))
        }
        Some(answer) if !matches!(answer.code().code().get(..2), Some("40" | "57" | "53" | "08")) => {
            StepError::Fails(format!("the verification cannot be asked: {}", answer.message()))
        }
        _ => StepError::Database(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_true_is_content() {
        assert!(is_content(r#"{"ok":true}"#) && is_content(r#"{"a":true,"b":true}"#));
        for against in [r#"{"ok":false}"#, r#"{"ok":null}"#, r#"{"a":true,"n":1}"#, r#"{"t":"true"}"#] {
            assert!(!is_content(against), "{against}");
        }
    }
}
