//! Runners share the slots of a projection: every event once, whoever joins, leaves or dies.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestDatabase, TestFailure, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, Consumer, Leases, SchemaName, connect, migrate_read_models,
};
use annals_eventstore::{
    Append, Batch, EventStore, ExpectedVersion, GlobalPosition, HandlerError, NewEvent, Partition,
    PostgresStore, RunnerId,
};
use annals_projections::{Projection, Runner, RunnerError, RunnerOptions, discover};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);
pub(crate) const SLOTS: u16 = 8;
pub(crate) const STREAMS: usize = 24;

/// Writes one row an event, by plain INSERT, with who wrote it: an event that came twice would fail.
pub(crate) struct Audit {
    pub(crate) runner: &'static str,
    /// Lets batches go on, where the test wants to hold them up: before they write, or behind that.
    pub(crate) gate: Option<(Gap, Arc<Semaphore>)>,
}

/// Where a batch is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    BeforeWriting,
    BeforeTheCheckpoint,
}

impl Gap {
    /// What the session of a batch has done last that is held up here.
    fn last_statement(self) -> &'static str {
        match self {
            Self::BeforeWriting => "savepoint%",
            Self::BeforeTheCheckpoint => "insert into audit%",
        }
    }
}

impl Audit {
    async fn pass(&self, gap: Gap) -> Result<(), HandlerError> {
        if let Some((_, gate)) = self.gate.as_ref().filter(|(held, _)| *held == gap) {
            gate.acquire().await?.forget();
        }
        Ok(())
    }
}

impl Projection for Audit {
    const NAME: &'static str = "audit";
    const PARTITIONS: u16 = SLOTS;
    const TABLES: &'static str = "create table if not exists audit (
        nth bigserial primary key, position bigint unique, stream text, version bigint, partition integer, epoch bigint,
        runner text)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        self.pass(Gap::BeforeWriting).await?;
        for event in batch.events {
            let sql = "insert into audit (position, stream, version, partition, epoch, runner)
                       values ($1, $2, $3, $4, $5, $6)";
            let (position, version) = (i64::from(event.position), event.version.get());
            let (partition, epoch) = (i32::from(batch.partition.0), batch.epoch.0);
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&position, &event.stream.as_str(), &version, &partition, &epoch, &self.runner];
            batch.transaction.execute(sql, &values).await?;
        }
        self.pass(Gap::BeforeTheCheckpoint).await
    }
}

fn audit() -> Consumer {
    Consumer { name: "audit".to_owned(), version: 1 }
}

fn runner(store: &PostgresStore, name: &'static str, lease: Duration) -> Runner {
    let options = RunnerOptions { name: name.to_owned(), lease, ..RunnerOptions::default() };
    Runner::new(store).options(options).host(move || Audit { runner: name, gate: None })
}

/// Appends an event to each of some streams, so many times.
pub(crate) async fn append(store: &PostgresStore, times: usize) -> Result<GlobalPosition, TestFailure> {
    let mut last = GlobalPosition::START;
    for n in 0..times * STREAMS {
        let stream = format!("account-{}", n % STREAMS).parse()?;
        let append = Append::to(stream, [NewEvent::new("noted", &n)?]).expecting(ExpectedVersion::Any);
        last = store.append(append).await?.to_position;
    }
    Ok(last)
}

/// Waits until every slot has come to a position.
pub(crate) async fn reached(client: &Client, position: GlobalPosition) -> TestResult {
    let sql = "select coalesce(min(position), 0) from annals.checkpoints where consumer = 'audit' having count(*) = $1";
    let reached = async {
        loop {
            let row = client.query_opt(sql, &[&i64::from(SLOTS)]).await?;
            if row.is_some_and(|row| row.get::<_, i64>(0) >= i64::from(position)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, reached).await?
}

/// Waits until the slots are spread over some runners as told, by their number; returns how long that took.
async fn spread(client: &Client, expected: &[i64]) -> Result<Duration, TestFailure> {
    let begun = Instant::now();
    let sql = "select count(*) from annals.leases where owner is not null and lease_until > clock_timestamp()
               group by owner order by count(*)";
    loop {
        let counts: Vec<i64> = client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
        if counts == expected {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > SOON {
            return Err(format!("slots are spread {counts:?}, not {expected:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Returns slot, epoch and position of every checkpoint.
async fn checkpoints(client: &Client) -> Result<Vec<(i32, i64, i64)>, TestFailure> {
    let sql = "select partition, epoch, position from annals.checkpoints order by partition";
    let rows = client.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Waits until a runner has every slot; returns how long that took.
async fn all_taken_by(client: &Client, runner: RunnerId) -> Result<Duration, TestFailure> {
    let begun = Instant::now();
    let sql = "select count(*) from annals.leases where owner = $1";
    while client.query_one(sql, &[&runner.0]).await?.get::<_, i64>(0) < i64::from(SLOTS) {
        if begun.elapsed() > SOON {
            return Err("the slots were not taken over".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(begun.elapsed())
}

/// Waits until so many batches are held up.
async fn in_the_middle(client: &Client, gap: Gap, batches: i64) -> TestResult {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and state = 'idle in transaction'
                 and query like $1";
    let written = async {
        while client.query_one(sql, &[&gap.last_statement()]).await?.get::<_, i64>(0) < batches {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    timeout(SOON, written).await?
}

/// What an audit table holds: rows, events of the log without a row, rows out of their stream's order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Audited {
    pub(crate) rows: i64,
    missing: i64,
    out_of_order: i64,
}

pub(crate) async fn audited(log: &Client, read_models: &Client) -> Result<Audited, TestFailure> {
    let rows = read_models.query("select position from audit", &[]).await?;
    let rows: HashSet<i64> = rows.iter().map(|row| row.get(0)).collect();
    let events = log.query("select position from annals.events", &[]).await?;
    let missing = events.iter().filter(|row| !rows.contains(&row.get(0))).count();
    let order = "select count(*) from (
                     select version, lag(version, 1, 0::bigint) over (partition by stream order by nth) as before
                     from audit) as a
                 where version <> before + 1";
    let out_of_order = read_models.query_one(order, &[]).await?.get(0);
    Ok(Audited { rows: i64::try_from(rows.len())?, missing: i64::try_from(missing)?, out_of_order })
}

pub(crate) fn all_once(rows: usize) -> Audited {
    Audited { rows: i64::try_from(rows).expect("a small number"), missing: 0, out_of_order: 0 }
}

#[tokio::test]
async fn two_runners_share_the_slots_and_apply_every_event_once_and_keys_in_order() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let lease = Duration::from_secs(3);
    let first = runner(&store, "first", lease).start().await?;
    spread(&client, &[8]).await?;
    append(&store, 4).await?;

    let second = runner(&store, "second", lease).start().await?;
    let joined = spread(&client, &[4, 4]).await?;
    let end = append(&store, 6).await?;
    reached(&client, end).await?;
    let runners = discover(&store, store.pool(), &audit()).await?;
    let loads: Vec<_> = runners.iter().map(|runner| runner.slots).collect();

    first.stop().await;
    let left = spread(&client, &[8]).await?;
    let end = append(&store, 2).await?;
    reached(&client, end).await?;
    second.stop().await;

    let sql = "select count(distinct runner), count(distinct partition) from audit";
    let row = client.query_one(sql, &[]).await?;
    let audited = audited(&client, &client).await?;
    println!("{} events, joined in {joined:?}, took over {left:?} after the end of a leave", audited.rows);
    assert_eq!(audited, all_once(12 * STREAMS));
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (2, i64::from(SLOTS)));
    assert_eq!(loads, [4, 4]);
    assert!(left < Duration::from_secs(2), "{left:?}");
    assert_eq!(discover(&store, store.pool(), &audit()).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_runner_that_dies_in_the_middle_of_its_batches_is_replaced_within_a_lease_and_a_second()
-> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let lease = Duration::from_secs(2);
    // It has written its batches and is about to commit them, for ever.
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let options = RunnerOptions { name: "doomed".to_owned(), lease, ..RunnerOptions::default() };
    let doomed = Runner::new(&store)
        .options(options)
        .host(move || Audit { runner: "doomed", gate: Some((Gap::BeforeTheCheckpoint, Arc::clone(&held))) })
        .start()
        .await?;
    spread(&client, &[8]).await?;
    append(&store, 2).await?;
    let survivor = runner(&store, "survivor", lease).start().await?;

    in_the_middle(&client, Gap::BeforeTheCheckpoint, 1).await?;
    doomed.abort();
    let took_over = all_taken_by(&client, survivor.id()).await?;
    let end = append(&store, 2).await?;
    reached(&client, end).await?;
    survivor.stop().await;

    let audited = audited(&client, &client).await?;
    println!("{} events, took over {took_over:?} after the death, leases last {lease:?}", audited.rows);
    assert_eq!(audited, all_once(4 * STREAMS));
    assert!(took_over < lease + Duration::from_secs(1), "{took_over:?}");
    Ok(())
}

#[tokio::test]
async fn a_runner_that_lost_its_lease_without_knowing_changes_nothing_more() -> TestResult {
    for gap in [Gap::BeforeWriting, Gap::BeforeTheCheckpoint] {
        overtaken_at(gap).await?;
    }
    Ok(())
}

/// Takes every slot from a runner that is in the middle of a batch in each, and lets it go on.
async fn overtaken_at(gap: Gap) -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let leases = Leases::of(&store, store.pool().clone());
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    // Its lease is over at once for others, and it does not renew for a long time.
    let lease = Duration::from_secs(600);
    let options = RunnerOptions { name: "sleeper".to_owned(), lease, ..RunnerOptions::default() };
    let sleeper = Runner::new(&store)
        .options(options)
        .host(move || Audit { runner: "sleeper", gate: Some((gap, Arc::clone(&held))) })
        .start()
        .await?;
    spread(&client, &[8]).await?;
    append(&store, 2).await?;
    in_the_middle(&client, gap, i64::from(SLOTS)).await?;

    client.batch_execute("update annals.leases set lease_until = timestamptz 'epoch'").await?;
    let successor = RunnerId::new();
    let mut fenced = 0;
    for slot in leases.list(&audit()).await? {
        fenced += usize::from(leases.take(&audit(), slot.partition, successor, lease).await?.is_some());
    }
    let before = checkpoints(&client).await?;
    gate.add_permits(1_000);
    // Told to stop, it still finishes what it has in hand.
    sleeper.stop().await;

    let rows: i64 = client.query_one("select count(*) from audit", &[]).await?.get(0);
    println!(
        "{gap:?}: {fenced} slots taken from one that was in the middle of a batch in each, {rows} rows of its"
    );
    assert_eq!((fenced, rows), (usize::from(SLOTS), 0));
    assert_eq!(checkpoints(&client).await?, before);
    let ours: Vec<_> = leases.list(&audit()).await?.into_iter().map(|slot| slot.lease.owner).collect();
    assert!(ours.iter().all(|owner| *owner == Some(successor)), "{ours:?}");
    Ok(())
}

#[tokio::test]
async fn a_commit_under_way_is_waited_for_and_not_split() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let leases = Leases::of(&store, store.pool().clone());
    let lease = Duration::from_secs(600);
    let committing = runner(&store, "committing", lease).start().await?;
    spread(&client, &[8]).await?;
    let (held, begun) = (db.connect().await?, append(&store, 1).await?);
    reached(&client, begun).await?;
    // A deferred trigger: whoever has moved a checkpoint waits in the middle of its commit. It is deferred once more, since the
    // batch before the checkpoint has asked for everything that was.
    held.batch_execute(
        "create function hold_up() returns trigger language plpgsql as
             'begin perform pg_advisory_xact_lock_shared(7); return null; end';
         create constraint trigger hold_up after update on annals.checkpoints
             deferrable initially deferred for each row execute function hold_up();
         create function defer_it() returns trigger language plpgsql as
             'begin set constraints annals.hold_up deferred; return new; end';
         create trigger defer_it before update on annals.checkpoints for each row execute function defer_it();
         select pg_advisory_lock(7)",
    )
    .await?;
    let end = append(&store, 1).await?;
    let waiting = "select count(*) from pg_stat_activity
                   where datname = current_database() and wait_event = 'advisory' and query ilike 'commit%'";
    let is_waiting = async {
        while client.query_one(waiting, &[]).await?.get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok::<_, TestFailure>(())
    };
    timeout(SOON, is_waiting).await??;

    client.batch_execute("update annals.leases set lease_until = timestamptz 'epoch'").await?;
    let (successor, mut refused) = (RunnerId::new(), 0);
    let held_up = "select l.partition from annals.leases as l join annals.checkpoints as c using (consumer, version, partition)
                   where c.position < $1 and consumer = 'audit'";
    for row in client.query(held_up, &[&i64::from(end)]).await? {
        let partition = Partition(u16::try_from(row.get::<_, i32>(0))?);
        match leases.take(&audit(), partition, successor, lease).await {
            Err(error) if error.is_transient() => refused += 1,
            other => drop(other?),
        }
    }
    held.batch_execute("select pg_advisory_unlock(7)").await?;
    committing.stop().await;
    let finishing = runner(&store, "finishing", lease);
    client.batch_execute("update annals.leases set lease_until = timestamptz 'epoch'").await?;
    let finishing = finishing.start().await?;
    reached(&client, end).await?;
    finishing.stop().await;

    println!("{refused} slots were not taken in the middle of a commit");
    assert!(refused > 0);
    assert_eq!(audited(&client, &client).await?, all_once(2 * STREAMS));
    Ok(())
}

#[tokio::test]
async fn a_read_model_lives_in_another_database_than_its_log() -> TestResult {
    let (log, elsewhere) = (TestDb::fresh().await?, TestDatabase::empty().await?);
    let store = log.store();
    let options: ConnectOptions = elsewhere.url().parse()?;
    let read_models = connect(&options).await?.into_client();
    let unprepared = runner(&store, "away", SOON).read_models_in(options.clone()).start().await;
    assert!(matches!(unprepared, Err(RunnerError::Schema(_))), "{unprepared:?}");

    migrate_read_models(&options, &SchemaName::default()).await?;
    let away = runner(&store, "away", SOON).read_models_in(options).start().await?;
    let end = append(&store, 3).await?;
    reached(&read_models, end).await?;
    away.stop().await;

    let audited = audited(&log.connect().await?, &read_models).await?;
    assert_eq!(audited, all_once(3 * STREAMS));
    let there =
        "select to_regclass('annals.events') is null and to_regclass('annals.checkpoints') is not null";
    assert!(read_models.query_one(there, &[]).await?.get::<_, bool>(0));
    let here: i64 =
        log.connect().await?.query_one("select count(*) from annals.checkpoints", &[]).await?.get(0);
    assert_eq!(here, 0);
    Ok(())
}

#[tokio::test]
async fn a_tailer_that_is_stopped_stops_no_slot_for_good() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let runner = runner(&store, "only", SOON).start().await?;
    let end = append(&store, 1).await?;
    reached(&client, end).await?;

    store.tailer().stop();
    let end = append(&store, 1).await?;
    reached(&client, end).await?;
    runner.stop().await;

    let stopped = "select count(*) from annals.leases where stopped is not null";
    assert_eq!(client.query_one(stopped, &[]).await?.get::<_, i64>(0), 0);
    assert_eq!(audited(&client, &client).await?, all_once(2 * STREAMS));
    Ok(())
}

#[tokio::test]
async fn what_a_leaving_runner_gives_back_is_taken_while_it_finishes_its_last_batch() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let gate = Arc::new(Semaphore::new(0));
    let (lease, held_up) = (Duration::from_secs(5), Some((Gap::BeforeWriting, Arc::clone(&gate))));
    let options = RunnerOptions { name: "one".to_owned(), lease, ..RunnerOptions::default() };
    let one = Runner::new(&store).options(options);
    let one = one.host(move || Audit { runner: "one", gate: held_up.clone() }).start().await?;
    let two = runner(&store, "two", lease).start().await?;
    spread(&client, &[4, 4]).await?;
    let leases = Leases::of(&store, store.pool().clone()).list(&audit()).await?;
    let is_of_one = |stream: &String| {
        let slot = Partition::of_key(stream, SLOTS);
        leases.iter().any(|status| status.partition == slot && status.lease.owner == Some(one.id()))
    };
    let stream = (0..).map(|n| format!("account-{n}")).find(is_of_one).ok_or("half of all streams are")?;
    let append = Append::to(stream.parse()?, [NewEvent::new("noted", &0)?]);
    let end = store.append(append).await?.to_position;
    in_the_middle(&client, Gap::BeforeWriting, 1).await?;

    let leaving = tokio::spawn(one.stop());

    // All but the one that is busy, long before its batch may end.
    spread(&client, &[1, 7]).await?;
    assert!(!leaving.is_finished());
    gate.add_permits(1);
    leaving.await?;
    reached(&client, end).await?;
    spread(&client, &[8]).await?;
    two.stop().await;
    Ok(())
}
