//! Reading: catching up with the whole log, and streams of a hundred events.
//!
//! The floors run the same selects as plain prepared statements, by keyset and without the fence, and look at
//! every column without keeping any.

use std::sync::Arc;
use std::time::SystemTime;

use annals::eventstore::{
    EventStore, GlobalPosition, PAGE_EVENTS_DEFAULT, PostgresStore, StreamName, StreamQuery, Subscription,
};
use tokio_postgres::{Client, Row, Statement};

use super::populate::{STREAM_EVENTS, populate};
use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};
use crate::crew::{Crew, Worker};
use crate::database::Database;
use crate::json_text::JsonText;

const LOG_PAGE: &str = "\
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.events as e
join annals.streams as s on s.stream_id = e.stream_id
where e.position > $1
order by e.position
limit $2";

const STREAM_PAGE: &str = "\
select e.position, s.stream_name, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata,
    e.recorded_at
from annals.streams as s
join annals.events as e on e.stream_id = s.stream_id
where s.stream_name = $1 and e.version >= $2
order by e.version
limit $3";

/// Measures reading on one connection, and streams on all numbers of connections.
pub(crate) async fn run(bench: &Bench) -> Outcome {
    let Bench { server, options, .. } = bench;
    let stream_levels: Vec<usize> = options
        .connections
        .iter()
        .copied()
        .filter(|connections| options.wants(&stream_name(*connections)))
        .collect();
    if stream_levels.is_empty() && !options.wants(LOG) {
        return Ok(());
    }
    eprintln!("filling a log of {} events ...", options.events);
    let database = server.database("read", options).await?;
    let writer = database.store(1).await?;
    let streams: Arc<[StreamName]> = populate(&writer, options.events).await?.into();
    writer.close().await;
    database.vacuum().await?;

    if options.wants(LOG) {
        let events = database.count("annals.events").await?;
        contest_of_log(&database, events, bench).await?;
    }
    for connections in stream_levels {
        contest_of_streams(&database, &streams, connections, bench).await?;
    }
    Ok(())
}

const LOG: &str = "read-log/1";

fn stream_name(connections: usize) -> String {
    format!("read-stream/{connections}")
}

async fn contest_of_log(database: &Database, events: u64, bench: &Bench) -> Outcome {
    let store = database.store(1).await?;
    let mut plain = Vec::new();
    for client in database.clients(1).await? {
        let page = client.prepare(LOG_PAGE).await?;
        plain.push(PlainPages { client, page, after: 0, events, seen: 0 });
    }
    let subscription = Subscription::after(store.clone(), GlobalPosition::START);
    let catch_up = CatchUp { store: store.clone(), subscription, events, seen: 0 };
    let contest = Contest::new(LOG.to_owned(), Crew(vec![catch_up]), Crew(plain));
    finish(contest, bench).await?;
    store.close().await;
    Ok(())
}

async fn contest_of_streams(
    database: &Database,
    streams: &Arc<[StreamName]>,
    connections: usize,
    bench: &Bench,
) -> Outcome {
    let store = database.store(connections).await?;
    let mut readers = Vec::new();
    let mut plain = Vec::new();
    for (worker, client) in database.clients(connections).await?.into_iter().enumerate() {
        let walk = Walk::new(streams, worker);
        readers.push(StreamReader { store: store.clone(), walk: walk.clone() });
        plain.push(PlainStreams { page: client.prepare(STREAM_PAGE).await?, client, walk });
    }
    let contest = Contest::new(stream_name(connections), Crew(readers), Crew(plain));
    finish(contest, bench).await?;
    store.close().await;
    Ok(())
}

async fn finish(contest: Contest, bench: &Bench) -> Outcome {
    let mut contests = [contest];
    contest::run(&mut contests, bench).await?;
    contests.iter().for_each(|contest| bench.report.verdict(&contest.verdict()));
    Ok(())
}

/// Catches up with the whole log, again and again, a page at a time.
struct CatchUp {
    store: PostgresStore,
    subscription: Subscription<PostgresStore>,
    events: u64,
    seen: u64,
}

impl Worker for CatchUp {
    async fn operate(&mut self) -> Outcome<u64> {
        let page = self.subscription.next().await?.log;
        let events = u64::try_from(page.events.len())?;
        self.seen += events;
        if page.settled_to >= page.head {
            require_all(self.seen, self.events)?;
            self.subscription = Subscription::after(self.store.clone(), GlobalPosition::START);
            self.seen = 0;
        }
        Ok(events)
    }
}

/// Does the same with plain selects.
struct PlainPages {
    client: Arc<Client>,
    page: Statement,
    after: i64,
    events: u64,
    seen: u64,
}

impl Worker for PlainPages {
    async fn operate(&mut self) -> Outcome<u64> {
        let limit = i64::try_from(PAGE_EVENTS_DEFAULT)?;
        let rows = self.client.query(&self.page, &[&self.after, &limit]).await?;
        for row in &rows {
            self.after = look_at(row)?;
        }
        self.seen += u64::try_from(rows.len())?;
        if self.seen >= self.events {
            require_all(self.seen, self.events)?;
            (self.after, self.seen) = (0, 0);
        }
        Ok(u64::try_from(rows.len())?)
    }
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

/// Takes every column out of the row, as a reader would; returns the position.
fn look_at(row: &Row) -> Outcome<i64> {
    let _: (&str, i64, &str, i32) = (row.try_get(1)?, row.try_get(2)?, row.try_get(4)?, row.try_get(5)?);
    let _: (JsonText<'_>, Option<JsonText<'_>>) = (row.try_get(6)?, row.try_get(7)?);
    let _: SystemTime = row.try_get(8)?;
    Ok(row.try_get(0)?)
}

fn require_all(seen: u64, stored: u64) -> Outcome {
    if seen == stored { Ok(()) } else { Err(format!("{seen} events were read, {stored} are stored").into()) }
}
