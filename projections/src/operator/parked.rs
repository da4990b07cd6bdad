//! Parked events as an operator sees them.

use annals_eventstore::{EventId, GlobalPosition, Partition};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

/// An event that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedEvent {
    /// The slot it belongs to.
    pub partition: Partition,
    /// The key that is blocked.
    pub key: String,
    /// Where the event stands in the log.
    pub position: GlobalPosition,
    /// Its id.
    pub event_id: EventId,
    /// Its stream.
    pub stream: String,
    /// Its type.
    pub event_type: String,
    /// Why it could not be applied; nothing for one that only waits behind another of its key.
    pub reason: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

pub(super) fn parked(row: &Row) -> Result<ParkedEvent, Error> {
    Ok(ParkedEvent {
        partition: Partition(u16::try_from(row.try_get::<_, i32>("partition")?).unwrap_or(u16::MAX)),
        key: row.try_get("key")?,
        position: GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default(),
        event_id: EventId::from(row.try_get::<_, Uuid>("event_id")?),
        stream: row.try_get("stream_name")?,
        event_type: row.try_get("event_type")?,
        reason: row.try_get("reason")?,
        attempts: u32::try_from(row.try_get::<_, i32>("attempts")?).unwrap_or_default(),
    })
}
