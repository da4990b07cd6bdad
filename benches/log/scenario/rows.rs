//! What every reader does with a row, and how many rows there have to be.

use std::time::SystemTime;

use tokio_postgres::Row;

use crate::Outcome;
use crate::json_text::JsonText;

/// Takes every column out of the row, as a reader would; returns the position.
pub(crate) fn look_at(row: &Row) -> Outcome<i64> {
    let _: (&str, i64, &str, i32) = (row.try_get(1)?, row.try_get(2)?, row.try_get(4)?, row.try_get(5)?);
    let _: (JsonText<'_>, Option<JsonText<'_>>) = (row.try_get(6)?, row.try_get(7)?);
    let _: SystemTime = row.try_get(8)?;
    Ok(row.try_get(0)?)
}

/// Fails when fewer or more events were read than there are.
pub(crate) fn require_all(seen: u64, stored: u64) -> Outcome {
    if seen == stored { Ok(()) } else { Err(format!("{seen} events were read, {stored} are stored").into()) }
}
