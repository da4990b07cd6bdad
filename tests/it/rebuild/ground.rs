//! A projection that can be built anew, and what tests look at.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{
    Append, Batch, EventStore, ExpectedVersion, GlobalPosition, HandlerError, NewEvent, PostgresStore,
};
use annals_projections::{
    Operator, Progress, Projection, RebuildOptions, RebuildProgress, RebuildState, Runner, RunnerOptions,
    RunningRunner,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use crate::support::TestDb;

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const SLOTS: u16 = 4;
pub(crate) const STREAMS: usize = 24;
pub(crate) const LEASE: Duration = Duration::from_secs(3);

/// Counts events by stream, each for as much as its code says; notes what it does beyond its tables.
#[derive(Clone, Default)]
pub(crate) struct Totals {
    /// What an event counts: another number is another handler.
    pub(crate) weight: i64,
    /// What the handler writes, where it is not the usual.
    pub(crate) sql: Option<&'static str>,
    /// Events of this number are poison.
    pub(crate) poison: Option<u64>,
    /// Holds up batches that do not rebuild, when they have written.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// The events whose effects beyond the tables are done; those of a batch that is rolled back come again.
    pub(crate) effects: Option<Arc<Mutex<HashSet<i64>>>>,
    /// How many events were applied by a rebuild, and how many by the live one.
    pub(crate) rebuilt: Arc<AtomicU64>,
    pub(crate) applied: Arc<AtomicU64>,
}

const COUNT: &str = "insert into totals as t (stream, events, weight)
    select s, count(*), count(*) * $2 from unnest($1::text[]) as s group by s
    on conflict (stream) do update set events = t.events + excluded.events, weight = t.weight + excluded.weight";

impl Projection for Totals {
    const NAME: &'static str = "totals";
    const SCHEMA: Option<&'static str> = Some("reading");
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = "
        create table if not exists totals (stream text primary key, events bigint not null, weight bigint not null);
        create table if not exists noted (nth bigint generated always as identity, position bigint not null)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            if self.poison.is_some() && event.data.as_str().parse().ok() == self.poison {
                return Err("poison".into());
            }
        }
        let streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        batch.transaction.execute(self.sql.unwrap_or(COUNT), &[&streams, &self.weight]).await?;
        let note = "insert into noted (position) select unnest($1::bigint[])";
        batch.transaction.execute(note, &[&positions]).await?;
        if let Some(effects) = self.effects.as_ref().filter(|_| !batch.is_rebuild) {
            effects.lock().expect("nobody panics").extend(positions);
        }
        let counter = if batch.is_rebuild { &self.rebuilt } else { &self.applied };
        counter.fetch_add(batch.events.len() as u64, Ordering::Relaxed);
        if let Some(gate) = self.gate.as_ref().filter(|_| !batch.is_rebuild) {
            gate.acquire().await?.forget();
        }
        Ok(())
    }
}

pub(crate) fn totals() -> Consumer {
    Consumer { name: Totals::NAME.to_owned(), version: 1 }
}

pub(crate) async fn started(store: &PostgresStore, totals: Totals) -> Result<RunningRunner, TestFailure> {
    started_for(store, totals, LEASE).await
}

pub(crate) async fn started_for(
    store: &PostgresStore,
    totals: Totals,
    lease: Duration,
) -> Result<RunningRunner, TestFailure> {
    let options = RunnerOptions { lease, ..RunnerOptions::default() };
    Ok(Runner::new(store).options(options).host(move || totals.clone()).start().await?)
}

/// A log, a runner with a handler, and whoever asks.
pub(crate) struct Ground {
    pub(crate) db: TestDb,
    pub(crate) store: PostgresStore,
    pub(crate) client: Client,
    pub(crate) operator: Operator,
}

impl Ground {
    pub(crate) async fn fresh() -> Result<Self, TestFailure> {
        let db = TestDb::fresh().await?;
        let (store, client) = (db.store(), db.connect().await?);
        let operator = Operator::of(&store, store.pool().clone());
        Ok(Self { db, store, client, operator })
    }

    /// Appends so many events to each stream.
    pub(crate) async fn append(&self, times: usize) -> Result<GlobalPosition, TestFailure> {
        append(&self.store, times).await
    }

    /// Waits until the read model has come to a position.
    pub(crate) async fn reached(&self, position: GlobalPosition) -> TestResult {
        let progress = Progress::of(&self.store, self.store.pool().clone(), totals());
        Ok(progress.wait_for(position, None, SOON).await?)
    }

    pub(crate) async fn ask(&self) -> Result<i64, TestFailure> {
        Ok(self.operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await?)
    }

    pub(crate) async fn progress(&self) -> Result<RebuildProgress, TestFailure> {
        Ok(self.operator.rebuild_progress(Totals::NAME).await?.ok_or("no rebuild was asked for")?)
    }

    /// Waits until the last rebuild is as it is wanted.
    pub(crate) async fn until(
        &self,
        is_wanted: impl Fn(&RebuildProgress) -> bool,
    ) -> Result<RebuildProgress, TestFailure> {
        let begun = Instant::now();
        loop {
            let progress = self.progress().await?;
            if is_wanted(&progress) {
                return Ok(progress);
            }
            if begun.elapsed() > SOON {
                return Err(format!("the rebuild does not come so far: {progress:?}").into());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the last rebuild is over.
    pub(crate) async fn over(&self, state: RebuildState) -> Result<RebuildProgress, TestFailure> {
        let progress = self.until(|progress| progress.state.is_over()).await?;
        assert_eq!(progress.state, state, "{progress:?}");
        Ok(progress)
    }

    /// Counts rows of the read model: streams, events, weight, notes, and notes of one event.
    pub(crate) async fn counted(&self) -> Result<Counted, TestFailure> {
        let sql = "select count(*), coalesce(sum(events), 0)::bigint, coalesce(sum(weight), 0)::bigint,
                          (select count(*) from reading.noted), (select count(distinct position) from reading.noted)
                   from reading.totals";
        let row = self.client.query_one(sql, &[]).await?;
        Ok(Counted {
            streams: row.get(0),
            events: row.get(1),
            weight: row.get(2),
            notes: row.get(3),
            noted: row.get(4),
        })
    }

    /// Lists the schemas that rebuilds have made.
    pub(crate) async fn left_behind(&self) -> Result<Vec<String>, TestFailure> {
        let sql = "select nspname::text from pg_namespace where nspname ~ '^reading_' order by 1";
        Ok(self.client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// Counts the rows that a rebuild has beside those of the projection.
    pub(crate) async fn rows_left(&self) -> Result<i64, TestFailure> {
        let sql = "select (select count(*) from annals.projections where consumer ~ '~')
                        + (select count(*) from annals.checkpoints where consumer ~ '~')
                        + (select count(*) from annals.leases where consumer ~ '~')
                        + (select count(*) from annals.parked where consumer ~ '~')";
        Ok(self.client.query_one(sql, &[]).await?.get(0))
    }
}

/// What the read model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) streams: i64,
    pub(crate) events: i64,
    pub(crate) weight: i64,
    pub(crate) notes: i64,
    pub(crate) noted: i64,
}

impl Counted {
    /// Every event once, each for so much.
    pub(crate) fn all(times: usize, weight: i64) -> Self {
        let (streams, events) = (STREAMS as i64, (times * STREAMS) as i64);
        Self { streams, events, weight: events * weight, notes: events, noted: events }
    }
}

pub(crate) async fn append(store: &PostgresStore, times: usize) -> Result<GlobalPosition, TestFailure> {
    let mut last = GlobalPosition::START;
    for n in 0..STREAMS {
        let events = (0..times).map(|nth| NewEvent::new("counted", &nth)).collect::<Result<Vec<_>, _>>()?;
        let append = Append::to(format!("account-{n}").parse()?, events).expecting(ExpectedVersion::Any);
        last = store.append(append).await?.to_position;
    }
    Ok(last)
}
