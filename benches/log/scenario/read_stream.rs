//! Reading streams of a hundred events, each whole; the floor does it with plain selects.

use std::sync::Arc;

use annals::eventstore::{EventStore, PAGE_EVENTS_DEFAULT, PostgresStore, StreamName, StreamQuery};
use tokio_postgres::{Client, Statement};

use super::populate::STREAM_EVENTS;
use super::rows::{look_at, require_all};
use crate::Outcome;
use crate::contest::Contest;
use crate::crew::{Crew, Worker};
use crate::database::Database;

/// The name of the contest on so many connections.
pub(crate) fn name(connections: usize) -> String {
    format!("read-stream/{connections}")
}

/// The store's own select, without the end of a deleted stream.
const STREAM_PAGE: &str = "\
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.streams as s
join annals.events as e on e.stream_id = s.stream_id
where s.stream_name = $1 and e.version >= $2
order by e.version
limit $3";

/// Makes the contest over these streams.
pub(crate) async fn contest(
    database: &Database,
    store: &PostgresStore,
    streams: &Arc<[StreamName]>,
    connections: usize,
) -> Outcome<Contest> {
    let mut readers = Vec::new();
    let mut plain = Vec::new();
    for (worker, client) in database.clients(connections).await?.into_iter().enumerate() {
        let walk = Walk::new(streams, worker);
        readers.push(StreamReader { store: store.clone(), walk: walk.clone() });
        plain.push(PlainStreams { page: client.prepare(STREAM_PAGE).await?, client, walk });
    }
    Ok(Contest::new(name(connections), Crew(readers), Crew(plain)))
}

/// Reads one stream after the other, each whole.
struct StreamReader {
    store: PostgresStore,
    walk: Walk,
}

impl Worker for StreamReader {
    async fn operate(&mut self) -> Outcome<u64> {
        let read = self.store.read_stream(self.walk.step(), StreamQuery::forward()).await?;
        let events = u64::try_from(read.len())?;
        require_all(events, u64::try_from(STREAM_EVENTS)?)?;
        Ok(events)
    }
}

/// Does the same with plain selects.
struct PlainStreams {
    client: Arc<Client>,
    page: Statement,
    walk: Walk,
}

impl Worker for PlainStreams {
    async fn operate(&mut self) -> Outcome<u64> {
        let limit = i64::try_from(PAGE_EVENTS_DEFAULT)?;
        let rows = self.client.query(&self.page, &[&self.walk.step().as_str(), &1_i64, &limit]).await?;
        for row in &rows {
            look_at(row)?;
        }
        let events = u64::try_from(rows.len())?;
        require_all(events, u64::try_from(STREAM_EVENTS)?)?;
        Ok(events)
    }
}

/// Goes through all streams in an order that has nothing to do with where they lie.
#[derive(Clone)]
struct Walk {
    streams: Arc<[StreamName]>,
    at: usize,
}

impl Walk {
    /// Far from 1 and prime, so that every stream comes before one comes again.
    const STRIDE: usize = 7_919;

    fn new(streams: &Arc<[StreamName]>, worker: usize) -> Self {
        Self { streams: Arc::clone(streams), at: worker * 31 }
    }

    fn step(&mut self) -> &StreamName {
        self.at = (self.at + Self::STRIDE) % self.streams.len();
        &self.streams[self.at]
    }
}
