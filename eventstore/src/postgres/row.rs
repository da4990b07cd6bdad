//! Rows of events, told as recorded events.

use tokio_postgres::{Error, Row};

use super::json::JsonText;
use crate::event::{EventType, RecordedEvent, SchemaVersion};
use crate::payload::Payload;
use crate::payload_codec::PayloadCoding;
use crate::position::GlobalPosition;
use crate::stream::StreamName;
use crate::version::Version;

/// Reads events out of rows, one after the other: names that repeat are kept once.
#[derive(Debug)]
pub(super) struct EventReader<'s> {
    coding: &'s PayloadCoding,
    last_names: Option<(StreamName, EventType)>,
}

impl<'s> EventReader<'s> {
    /// Opens payloads with the codec of a store.
    pub(super) fn new(coding: &'s PayloadCoding) -> Self {
        Self { coding, last_names: None }
    }

    /// Reads an event whose columns begin at `first`, in the order of the SQL API.
    pub(super) fn event(&mut self, row: &Row, first: usize) -> Result<RecordedEvent, Error> {
        let version: i64 = row.try_get(first + 2)?;
        let metadata: Option<JsonText<'_>> = row.try_get(first + 7)?;
        let (stream, event_type) = self.names(row.try_get(first + 1)?, row.try_get(first + 4)?);
        Ok(self.coding.open(RecordedEvent {
            position: GlobalPosition::recorded(row.try_get(first)?),
            stream,
            version: Version::try_from(version).unwrap_or_default(),
            id: row.try_get::<_, uuid::Uuid>(first + 3)?.into(),
            event_type,
            schema_version: SchemaVersion::recorded(row.try_get(first + 5)?),
            data: Payload::recorded(row.try_get::<_, JsonText<'_>>(first + 6)?.0),
            raw_metadata: metadata.map(|json| Payload::recorded(json.0)),
            recorded_at: row.try_get(first + 8)?,
        }))
    }

    /// Returns the names, those of the row before where they are the same.
    fn names(&mut self, stream: &str, event_type: &str) -> (StreamName, EventType) {
        let last = self.last_names.take();
        let (last_stream, last_type) = last.map_or((None, None), |(stream, name)| (Some(stream), Some(name)));
        let stream = last_stream
            .filter(|last| last.as_str() == stream)
            .unwrap_or_else(|| StreamName::recorded(stream));
        let event_type = last_type
            .filter(|last| last.as_str() == event_type)
            .unwrap_or_else(|| EventType::recorded(event_type));
        self.last_names = Some((stream.clone(), event_type.clone()));
        (stream, event_type)
    }
}

/// Reads rows that are events and nothing else.
pub(super) fn events(rows: &[Row], coding: &PayloadCoding) -> Result<Vec<RecordedEvent>, Error> {
    let mut reader = EventReader::new(coding);
    rows.iter().map(|row| reader.event(row, 0)).collect()
}
