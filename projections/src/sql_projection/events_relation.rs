//! The events of a batch as the columns of the relation `events`.

use std::error::Error;

use annals_eventstore::{Payload, RecordedEvent};
use chrono::{DateTime, Utc};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// The columns, in the order of `events_relation.sql`.
#[derive(Debug, Default)]
pub(super) struct EventsRelation<'e> {
    streams: Vec<&'e str>,
    positions: Vec<i64>,
    versions: Vec<i64>,
    types: Vec<&'e str>,
    recorded_at: Vec<DateTime<Utc>>,
    event_ids: Vec<Uuid>,
    data: Vec<Json<'e>>,
    metadata: Vec<Option<Json<'e>>>,
}

/// JSON as it stands in the log.
#[derive(Debug)]
struct Json<'e>(&'e Payload);

impl<'e> EventsRelation<'e> {
    /// Puts events into columns.
    pub(super) fn of(events: &[&'e RecordedEvent]) -> Self {
        let mut relation = Self::default();
        for event in events {
            relation.streams.push(event.stream.as_str());
            relation.positions.push(event.position.into());
            relation.versions.push(event.version.get());
            relation.types.push(event.event_type.as_str());
            relation.recorded_at.push(event.recorded_at);
            relation.event_ids.push(event.id.into());
            relation.data.push(Json(&event.data));
            relation.metadata.push(event.raw_metadata.as_ref().map(Json));
        }
        relation
    }

    /// Returns the columns as parameters.
    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 8] {
        [
            &self.streams,
            &self.positions,
            &self.versions,
            &self.types,
            &self.recorded_at,
            &self.event_ids,
            &self.data,
            &self.metadata,
        ]
    }
}

impl ToSql for Json<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_str().as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSON
    }

    to_sql_checked!();
}
