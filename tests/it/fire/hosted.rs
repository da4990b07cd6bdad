//! The projection that is under fire, and the process that hosts it.

use std::time::Duration;

use annals_devdb::TestResult;
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{Batch, HandlerError, PostgresStore};
use annals_projections::{Projection, Runner, RunnerOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::types::ToSql;
use tokio_util::sync::CancellationToken;

/// Tell a process of these tests where the log is, and how long its leases last.
pub(super) const LOG: &str = "ANNALS_TEST_FIRE_LOG";
pub(super) const LEASE: &str = "ANNALS_TEST_FIRE_LEASE_MILLISECONDS";

pub(super) const SLOTS: u16 = 8;

/// Types of events: one like any other, one that cannot be applied before its stream is cured, and one that stops its slot.
pub(super) const NOTED: &str = "noted";
pub(super) const SICKENED: &str = "sickened";
pub(super) const HALTED: &str = "halted";

/// The audit takes every event that comes, also for a second time; the digest of a stream depends on their order. Each says
/// who wrote it.
pub(super) const TABLES: &str = "
    create table audit (
        nth bigserial primary key, position bigint not null, stream text not null, version bigint not null,
        partition integer not null, epoch bigint not null, process integer not null);
    create table chain (stream text primary key, version bigint not null, digest bigint not null);
    create table cured (stream text primary key);
    create function fold(streams text[], versions bigint[], numbers bigint[]) returns void language plpgsql as $$
    begin
        for i in 1 .. cardinality(streams) loop
            insert into chain as c values (streams[i], versions[i], numbers[i] % 1000000007)
            on conflict (stream) do update set
                version = excluded.version, digest = (c.digest * 31 + excluded.digest) % 1000000007;
        end loop;
    end $$;
";

/// What an event does to the digest of its stream, as the function above does it.
pub(super) fn fold(digest: Option<i64>, number: i64) -> i64 {
    digest.map_or(number, |digest| digest * 31 + number) % 1_000_000_007
}

pub(super) fn consumer() -> Consumer {
    Consumer { name: Fire::NAME.to_owned(), version: Fire::VERSION }
}

struct Fire;

impl Projection for Fire {
    const NAME: &'static str = "fire";
    const PARTITIONS: u16 = SLOTS;
    /// They are made before the first runner starts.
    const TABLES: &'static str = "";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let of_type =
            |name: &'static str| batch.events.iter().filter(move |event| event.event_type.as_str() == name);
        if of_type(HALTED).count() > 0 {
            // Nothing could be parked in a transaction whose savepoint somebody took away: it cannot be gone past.
            batch.transaction.batch_execute("release savepoint annals_attempt").await?;
            return Err("it meddles with the transaction".into());
        }
        let sick: Vec<&str> = of_type(SICKENED).map(|event| event.stream.as_str()).collect();
        if !sick.is_empty() {
            let cured = "select count(*) from unnest($1::text[]) as s (name) where name in (select stream from cured)";
            let cured: i64 = batch.transaction.query_one(cured, &[&sick]).await?.get(0);
            if cured < i64::try_from(sick.len())? {
                return Err("a stream is sick".into());
            }
        }
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        let streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
        let versions: Vec<i64> = batch.events.iter().map(|event| event.version.get()).collect();
        let numbers = batch.events.iter().map(|event| event.data.decode());
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        let (partition, epoch) = (i32::from(batch.partition.0), batch.epoch.0);
        let process = i32::try_from(std::process::id())?;
        let audit = "insert into audit (position, stream, version, partition, epoch, process)
                     select position, stream, version, $4, $5, $6
                     from unnest($1::bigint[], $2::text[], $3::bigint[]) with ordinality
                         as e (position, stream, version, nth) order by nth";
        let row: [&(dyn ToSql + Sync); 6] = [&positions, &streams, &versions, &partition, &epoch, &process];
        batch.transaction.execute(audit, &row).await?;
        batch.transaction.execute("select fold($1, $2, $3)", &[&streams, &versions, &numbers]).await?;
        Ok(())
    }
}

/// The other side of the tests: a runner that leaves when it is told to by SIGTERM.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of the tests of this folder, which start it by this name"]
async fn a_runner_under_fire() -> TestResult {
    let (Ok(url), Ok(lease)) = (std::env::var(LOG), std::env::var(LEASE)) else { return Ok(()) };
    let stop = CancellationToken::new();
    let (told, mut terminated) = (stop.clone(), signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        terminated.recv().await;
        told.cancel();
    });
    let store = PostgresStore::connect(&url).await?;
    let (name, lease) = (std::process::id().to_string(), Duration::from_millis(lease.parse()?));
    let options = RunnerOptions { name, lease, ..RunnerOptions::default() };
    Runner::new(&store).options(options).host(|| Fire).run(stop).await?;
    Ok(())
}
