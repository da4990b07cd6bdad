//! The circuit breaker of slots: a database of read models that cannot be reached is asked by one slot at a time.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::BreakerState;
use annals_eventstore::{Append, Batch, EventStore, GlobalPosition, HandlerError, NewEvent, PostgresStore};
use annals_projections::{Projection, Runner, RunnerOptions, RunningRunner};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::support::{OwnServer, Proxy, TestDb};

const SOON: Duration = Duration::from_secs(60);
const SLOTS: u16 = 24;
const STREAMS: usize = 96;

/// Nobody but the slots asks often: the runner renews and looks around every ten seconds.
const LEASE: Duration = Duration::from_secs(30);

/// How long it is watched who asks, and how many may: a slot a second, the ear in growing pauses, heart and coordinator.
const WATCHED: Duration = Duration::from_secs(5);
const ASKED_MAX: usize = 5 + 1 + 5 + 4;

struct Positions;

impl Projection for Positions {
    const NAME: &'static str = "positions";
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = "create table if not exists positions (position bigint primary key)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        let sql = "insert into positions select unnest($1::bigint[])";
        batch.transaction.execute(sql, &[&positions]).await?;
        Ok(())
    }
}

struct Poisoned;

impl Projection for Poisoned {
    const NAME: &'static str = "poisoned";
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = "";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        // Half of them by the database's own word.
        if u32::from(batch.partition.0).is_multiple_of(2) {
            batch.transaction.execute("select 1 / 0", &[]).await?;
        }
        Err("it cannot be applied".into())
    }
}

/// Appends an event to each of many streams.
async fn append(store: &PostgresStore) -> Result<GlobalPosition, TestFailure> {
    let mut end = GlobalPosition::START;
    for n in 0..STREAMS {
        let append = Append::to(format!("account-{n}").parse()?, [NewEvent::new("noted", &n)?]);
        end = store.append(append).await?.to_position;
    }
    Ok(end)
}

async fn reached(client: &Client, position: GlobalPosition) -> TestResult {
    let sql = "select count(*) from annals.checkpoints where position >= $1";
    let reached = async {
        while client.query_one(sql, &[&i64::from(position)]).await?.get::<_, i64>(0) < i64::from(SLOTS) {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    timeout(SOON, reached).await?
}

async fn until(runner: &RunningRunner, wanted: BreakerState) -> TestResult {
    timeout(SOON, runner.breaker().wait_for(|state| *state == wanted)).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_read_models_are_out_of_reach_one_slot_asks_at_a_time_and_all_go_on_afterwards() -> TestResult {
    let (log, mut read_models) = (TestDb::fresh().await?, OwnServer::start("breaker").await?);
    let proxy = Proxy::before(&read_models.server.url("shop")).await?;
    let options = RunnerOptions { lease: LEASE, ..RunnerOptions::default() };
    let runner = Runner::new(&log.store()).options(options).read_models_in(proxy.url().parse()?);
    let runner = runner.host(|| Positions).start().await?;
    let end = append(&log.store()).await?;
    reached(&read_models.client().await?, end).await?;
    assert_eq!(*runner.breaker().borrow(), BreakerState::Closed);

    read_models.server.kill().await?;
    let end = append(&log.store()).await?;
    until(&runner, BreakerState::Open).await?;
    let before = proxy.connections();
    sleep(WATCHED).await;
    let asked = proxy.connections() - before;

    let begun = Instant::now();
    read_models.server.start().await?;
    until(&runner, BreakerState::Closed).await?;
    let client = read_models.client().await?;
    reached(&client, end).await?;
    let caught_up = begun.elapsed();
    runner.stop().await;

    let applied: i64 = client.query_one("select count(*) from positions", &[]).await?.get(0);
    println!(
        "breaker: {asked} connections asked for in {WATCHED:?} without a server, by {SLOTS} slots and who looks after \
         them; all caught up {caught_up:?} after its start began"
    );
    assert_eq!(applied, i64::try_from(2 * STREAMS)?);
    assert!((1..=ASKED_MAX).contains(&asked), "{asked}");
    Ok(())
}

#[tokio::test]
async fn events_that_cannot_be_applied_never_open_the_breaker() -> TestResult {
    let db = TestDb::fresh().await?;
    let runner = Runner::new(&db.store()).host(|| Poisoned).start().await?;
    let mut breaker = runner.breaker();
    breaker.mark_unchanged();
    let (end, client) = (append(&db.store()).await?, db.connect().await?);

    reached(&client, end).await?;

    assert!(!breaker.has_changed()?, "it is {:?}", *breaker.borrow());
    runner.stop().await;
    let parked: i64 = client.query_one("select count(*) from annals.parked", &[]).await?.get(0);
    println!("breaker: {parked} events that cannot be applied have not opened it");
    assert_eq!(parked, i64::try_from(STREAMS)?);
    Ok(())
}
