//! Rows of events, told as recorded events.

use tokio_postgres::{Error, Row};

use super::json::JsonText;
use crate::event::{EventType, RecordedEvent, SchemaVersion};
use crate::payload::Payload;
use crate::position::GlobalPosition;
use crate::stream::StreamName;
use crate::version::Version;

/// Reads an event whose columns begin at `first`, in the order of the SQL API.
pub(super) fn event(row: &Row, first: usize) -> Result<RecordedEvent, Error> {
    let version: i64 = row.try_get(first + 2)?;
    let metadata: Option<JsonText<'_>> = row.try_get(first + 7)?;
    Ok(RecordedEvent {
        position: GlobalPosition::recorded(row.try_get(first)?),
        stream: StreamName::recorded(row.try_get(first + 1)?),
        version: Version::try_from(version).unwrap_or_default(),
        id: row.try_get::<_, uuid::Uuid>(first + 3)?.into(),
        event_type: EventType::recorded(row.try_get(first + 4)?),
        schema_version: SchemaVersion::recorded(row.try_get(first + 5)?),
        data: Payload::recorded(row.try_get::<_, JsonText<'_>>(first + 6)?.0),
        raw_metadata: metadata.map(|json| Payload::recorded(json.0)),
        recorded_at: row.try_get(first + 8)?,
    })
}

/// Reads rows that are events and nothing else.
pub(super) fn events(rows: &[Row]) -> Result<Vec<RecordedEvent>, Error> {
    rows.iter().map(|row| event(row, 0)).collect()
}
