//! How fast a read model is built anew: `cargo bench --bench rebuild -- [EVENTS]`, 200 000 unless told otherwise.
//!
//! In one run, on a durable server of its own: the log read by slots that do nothing, a read model that catches up, the
//! same one rebuilt beside itself, and the floor: its own statement, fed from arrays that are in memory already.

mod floor;
mod models;
mod server;

use std::error::Error;
use std::time::{Duration, Instant};

use annals::eventstore::postgres::Consumer;
use annals::eventstore::{Append, EventStore, ExpectedVersion, GlobalPosition, NewEvent, PostgresStore};
use annals::projections::{
    Operator, Progress, Projection, RebuildOptions, RebuildState, Runner, RunnerOptions, RunningRunner,
};
use futures_util::future::try_join_all;

use models::{Nothing, Totals};
use server::BenchServer;

/// What everything here returns: whoever reads the message is a person.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// How many events one append brings, and one statement of the floor takes.
pub(crate) const BATCH: usize = 1000;
/// How many streams there are.
pub(crate) const STREAMS: usize = 500;
/// How many slots, and how many connections of the floor.
pub(crate) const SLOTS: u16 = 4;
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(1800);

#[tokio::main]
async fn main() -> Outcome {
    let events = std::env::args().filter_map(|told| told.parse().ok()).next().unwrap_or(200_000);
    let server = BenchServer::start().await?;
    let store = server.log().await?;
    let end = fill(&store, events).await?;
    println!("{events} events in {STREAMS} streams, {SLOTS} slots, PostgreSQL {}", server.version().await?);

    let read = caught_up(&store, || Nothing, end).await?;
    let plain = caught_up(&store, Totals::default, end).await?;
    let rebuilt = rebuilt(&store, end).await?;
    let floor = floor::measured(server.url(), events).await?;
    let rate = |took: Duration| f64::from(u32::try_from(events).unwrap_or(u32::MAX)) / took.as_secs_f64();
    for (what, took) in [("read", read), ("catch-up", plain), ("rebuild", rebuilt), ("floor", floor)] {
        let (rate, share) = (rate(took), rate(took) / rate(floor));
        println!("{what:<9} {:>8.2} s {rate:>9.0} events/s {share:>6.2} of the floor", took.as_secs_f64());
    }
    Ok(())
}

/// Appends events that are a hundred bytes or so; returns the position of the last.
async fn fill(store: &PostgresStore, events: usize) -> Outcome<GlobalPosition> {
    let data =
        serde_json::json!({"cents": 1200, "note": "nothing that anybody would read, but somebody wrote it"});
    let mut last = GlobalPosition::START;
    let numbers: Vec<usize> = (0..events / BATCH).collect();
    for some in numbers.chunks(usize::from(SLOTS)) {
        let appends = some.iter().map(|n| async {
            let events =
                (0..BATCH).map(|_| NewEvent::new("counted", &data)).collect::<Result<Vec<_>, _>>()?;
            let append = Append::to(models::stream(*n).parse()?, events).expecting(ExpectedVersion::Any);
            Ok::<_, Box<dyn Error + Send + Sync>>(store.append(append).await?.to_position)
        });
        last = try_join_all(appends).await?.into_iter().max().unwrap_or(last).max(last);
    }
    store.pool().get().await?.batch_execute("vacuum analyze annals.events, annals.streams").await?;
    Ok(last)
}

async fn started<P: Projection>(
    store: &PostgresStore,
    make: impl Fn() -> P + Send + Sync + 'static,
) -> Outcome<RunningRunner> {
    let options = RunnerOptions { lease: Duration::from_secs(30), ..RunnerOptions::default() };
    Ok(Runner::new(store).options(options).host(make).start().await?)
}

/// How long a projection takes to come to the end of the log.
async fn caught_up<P: Projection>(
    store: &PostgresStore,
    make: impl Fn() -> P + Send + Sync + 'static,
    end: GlobalPosition,
) -> Outcome<Duration> {
    let begun = Instant::now();
    let runner = started(store, make).await?;
    let projection = Consumer { name: P::NAME.to_owned(), version: P::VERSION };
    Progress::of(store, store.pool().clone(), projection).wait_for(end, None, LIMIT).await?;
    let took = begun.elapsed();
    runner.stop().await;
    Ok(took)
}

/// How long the read model that has caught up takes to be filled anew, until it has taken its place.
async fn rebuilt(store: &PostgresStore, end: GlobalPosition) -> Outcome<Duration> {
    let runner = started(store, Totals::default).await?;
    let projection = Consumer { name: Totals::NAME.to_owned(), version: 1 };
    Progress::of(store, store.pool().clone(), projection.clone()).wait_for(end, None, LIMIT).await?;
    let operator = Operator::of(store, store.pool().clone());
    let begun = Instant::now();
    operator.rebuild(&projection, &RebuildOptions::default(), "a benchmark").await?;
    let took = loop {
        match operator.rebuild_progress(Totals::NAME).await? {
            Some(progress) if matches!(progress.state, RebuildState::Swapped | RebuildState::Done) => {
                break begun.elapsed();
            }
            Some(progress) if progress.state.is_over() || begun.elapsed() > LIMIT => {
                return Err(format!("the rebuild did not end: {progress:?}").into());
            }
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    runner.stop().await;
    Ok(took)
}
