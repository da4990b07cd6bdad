//! The floor of an append: one row, one prepared INSERT, one round trip, nothing checked.
//!
//! The table has the columns, indexes, fill factor and row bytes of the log's events. Nobody who wants the
//! event stored, found by stream and version and numbered can ask less of PostgreSQL.

use std::sync::Arc;

use tokio_postgres::{Client, Statement};

use crate::Outcome;
use crate::crew::Worker;
use crate::json_text::JsonText;
use crate::sample::{DATA, EVENT_TYPE, Sample};

/// The floor's table.
pub(crate) const DDL: &str = "\
create schema floor;
create sequence floor.events_position_seq as bigint cache 1;
create table floor.events (
    position       bigint primary key default nextval('floor.events_position_seq'),
    stream_id      bigint not null,
    version        bigint not null,
    event_id       uuid not null,
    event_type     text collate \"C\" not null,
    schema_version integer not null,
    data           json not null,
    metadata       json,
    recorded_at    timestamptz not null default clock_timestamp(),
    constraint events_stream_id_version_key unique (stream_id, version)
)
with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
";

/// The floor's statement.
pub(crate) const INSERT: &str = "\
insert into floor.events (stream_id, version, event_id, event_type, schema_version, data, metadata)
values ($1, $2, $3, $4, $5, $6, $7)";

/// Which rows a worker of the floor writes: as its scenario does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows {
    /// Every row begins a stream.
    FreshStreams,
    /// Every row goes on with the worker's stream.
    OneStream,
}

/// Inserts row after row.
#[derive(Debug)]
pub(crate) struct Inserter {
    client: Arc<Client>,
    insert: Statement,
    rows: Rows,
    stream_id: i64,
    version: i64,
    /// How far apart a worker's fresh streams are: as many as there are workers.
    step: i64,
}

impl Inserter {
    /// Makes a worker for each client, on streams from `first_stream` on.
    pub(crate) async fn crew(clients: &[Arc<Client>], rows: Rows, first_stream: i64) -> Outcome<Vec<Self>> {
        let step = i64::try_from(clients.len())?;
        let mut crew = Vec::new();
        for (client, stream_id) in clients.iter().zip(first_stream..) {
            let insert = client.prepare(INSERT).await?;
            crew.push(Self { client: Arc::clone(client), insert, rows, stream_id, version: 1, step });
        }
        Ok(crew)
    }
}

impl Worker for Inserter {
    async fn operate(&mut self) -> Outcome<u64> {
        let id = Sample::id().as_uuid();
        let metadata: Option<JsonText<'_>> = None;
        let inserted = self
            .client
            .execute(
                &self.insert,
                &[&self.stream_id, &self.version, &id, &EVENT_TYPE, &1_i32, &JsonText(DATA), &metadata],
            )
            .await?;
        match self.rows {
            Rows::FreshStreams => self.stream_id += self.step,
            Rows::OneStream => self.version += 1,
        }
        Ok(inserted)
    }
}
