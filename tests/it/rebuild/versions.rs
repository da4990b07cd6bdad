//! A new version over the tables of an older one is built beside it; nothing is replayed into rows that are there.

use std::collections::BTreeMap;

use annals_devdb::TestResult;
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{Append, Batch, EventStore, ExpectedVersion, HandlerError, NewEvent};
use annals_projections::{
    OperateError, Progress, Projection, RebuildOptions, RebuildState, Runner, RunnerError, RunnerOptions,
    Standing, StartError,
};

use super::ground::{Ground, LEASE, SOON, STREAMS, Totals, started, totals};
use super::reader::Reader;
use crate::support::SqlFolder;

/// The next version of the totals: their tables have a column more.
struct Second;

impl Projection for Second {
    const NAME: &'static str = Totals::NAME;
    const VERSION: i32 = 2;
    const SCHEMA: Option<&'static str> = Totals::SCHEMA;
    // The slots of the older version count.
    const PARTITIONS: u16 = 1;
    const TABLES: &'static str = "create table if not exists totals
        (stream text primary key, events bigint not null, weight bigint not null, last bigint not null)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let streams: Vec<&str> = batch.events.iter().map(|event| event.stream.as_str()).collect();
        let positions: Vec<i64> = batch.events.iter().map(|event| event.position.into()).collect();
        let sql = "insert into totals as t select s, count(*), 10 * count(*), max(p)
                   from unnest($1::text[], $2::bigint[]) as e (s, p) group by s
                   on conflict (stream) do update set events = t.events + excluded.events,
                       weight = t.weight + excluded.weight, last = excluded.last";
        batch.transaction.execute(sql, &[&streams, &positions]).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_version_is_built_beside_the_older_one_which_goes_on_and_stops_at_the_swap() -> TestResult {
    let ground = Ground::fresh().await?;
    let old = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(5).await?).await?;
    // The swap waits, so that both versions can be seen at once.
    ground.client.batch_execute("create view public.held as select stream from reading.totals").await?;
    let alone = annals_projections::start(&ground.store, Second).await;
    let is_refused =
        matches!(alone, Err(StartError::Partitioned { .. } | StartError::OtherVersion { of: 1, .. }));
    assert!(is_refused, "{alone:?}");
    let reader = Reader::begin(ground.db.connect().await?);

    let options = RunnerOptions { lease: LEASE, ..RunnerOptions::default() };
    let new = Runner::new(&ground.store).options(options.clone()).host(|| Second).start().await?;
    let waiting = ground.until(|progress| progress.waits_for.is_some()).await?;
    let end = ground.append(1).await?;
    ground.reached(end).await?;
    let listed = ground.operator.list().await?;
    let standing: BTreeMap<_, _> = listed
        .iter()
        .map(|status| (status.projection.version, (status.standing, status.partitions)))
        .collect();
    assert_eq!((waiting.projection.version, waiting.replaces), (2, 1));
    assert_eq!(standing, BTreeMap::from([(1, (Standing::Live, 4)), (2, (Standing::Building, 4))]));

    ground.client.batch_execute("drop view public.held").await?;
    ground.over(RebuildState::Done).await?;
    let end = ground.append(1).await?;
    let second = Consumer { name: Totals::NAME.to_owned(), version: 2 };
    Progress::of(&ground.store, ground.store.pool().clone(), second).wait_for(end, None, SOON).await?;

    let read = reader.end().await?;
    let sql = "select sum(events)::bigint, sum(weight)::bigint, max(last) from reading.totals";
    let row = ground.client.query_one(sql, &[]).await?;
    let events = 7 * STREAMS as i64;
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)),
        (events, 10 * events, end.into())
    );
    assert!(read.reads > 0 && read.fewer.is_empty(), "{read:?}");
    let again = Runner::new(&ground.store).options(options).host(Totals::default).start().await;
    assert!(matches!(again, Err(RunnerError::Replaced { by: 2, .. })), "{again:?}");
    ground.operator.resume(&totals(), "somebody who does not know").await?;
    let older = ground.operator.slots(&totals()).await?;
    assert!(
        older.iter().all(|slot| slot.is_replaced && slot.lease.owner.is_none() && slot.position < end),
        "{older:?}"
    );
    let back = ground.operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await;
    assert!(matches!(back, Err(OperateError::Replaced { by: 2, .. })), "{back:?}");
    old.stop().await;
    new.stop().await;
    Ok(())
}

const MANIFEST: &str =
    "name = \"rows\"\nversion = VERSION\npartitions = 2\n[events]\nhappened = \"happened.sql\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projection_in_sql_is_rebuilt_and_a_new_version_of_it_built_beside_the_older_one() -> TestResult {
    let ground = Ground::fresh().await?;
    let write = |said: &str| format!("insert into rows values (:position, '{said}' || :stream::text)");
    let manifest = |version: &str| MANIFEST.replace("VERSION", version);
    let setup = "create table if not exists rows (number bigint primary key, said text);\n";
    let files = |version, said| -> [(&'static str, String); 3] {
        [
            ("projection.toml", manifest(version)),
            ("setup.sql", setup.to_owned()),
            ("happened.sql", write(said)),
        ]
    };
    let folder = |files: &[(&'static str, String); 3]| {
        SqlFolder::of(&files.each_ref().map(|(name, text)| (*name, text.as_str())))
    };
    let append = async |n: usize| -> Result<_, annals_devdb::TestFailure> {
        let append = Append::to(format!("account-{n}").parse()?, [NewEvent::new("happened", &n)?]);
        Ok(ground.store.append(append.expecting(ExpectedVersion::Any)).await?.to_position)
    };
    let said = async || -> Result<Vec<(String, i64)>, annals_devdb::TestFailure> {
        let sql = "select substr(said, 1, 1), count(*) from rows.rows group by 1 order by 1";
        Ok(ground.client.query(sql, &[]).await?.iter().map(|row| (row.get(0), row.get(1))).collect())
    };
    let reached = async |version, end| -> TestResult {
        let rows = Consumer { name: "rows".to_owned(), version };
        Ok(Progress::of(&ground.store, ground.store.pool().clone(), rows).wait_for(end, None, SOON).await?)
    };
    let options = RunnerOptions { lease: LEASE, ..RunnerOptions::default() };
    let over = async || -> Result<_, annals_devdb::TestFailure> {
        loop {
            match ground.operator.rebuild_progress("rows").await? {
                Some(progress) if progress.state.is_over() => return Ok(progress),
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    let first = folder(&files("1", "a"))?;
    let old = Runner::new(&ground.store).options(options.clone()).host_sql(first.load()?).start().await?;
    for n in 0..10 {
        append(n).await?;
    }
    reached(1, append(10).await?).await?;

    // The same version: rows that somebody spoilt are right again.
    ground.client.batch_execute("update rows.rows set said = 'x' || said where number % 2 = 0").await?;
    let rows = Consumer { name: "rows".to_owned(), version: 1 };
    ground.operator.rebuild(&rows, &RebuildOptions::default(), "spoilt").await?;
    let progress = tokio::time::timeout(SOON, over()).await??;
    assert_eq!(progress.state, RebuildState::Done, "{progress:?}");
    assert_eq!(said().await?, [("a".to_owned(), 11)]);

    // The next one, over the same schema.
    let second = folder(&files("2", "b"))?;
    let new = Runner::new(&ground.store).options(options.clone()).host_sql(second.load()?).start().await?;
    reached(2, append(11).await?).await?;
    assert_eq!(said().await?, [("b".to_owned(), 12)]);
    new.stop().await;
    old.stop().await;
    let restarted =
        Runner::new(&ground.store).options(options.clone()).host_sql(second.load()?).start().await?;
    reached(2, append(12).await?).await?;
    assert_eq!(said().await?, [("b".to_owned(), 13)], "it knows its tables again");
    restarted.stop().await;

    // One that names its own schema outright.
    let mut outright = files("3", "c");
    outright[2].1 = "insert into rows.rows values (:position, :stream) on conflict do nothing".to_owned();
    let third = folder(&outright)?;
    let newest = Runner::new(&ground.store).options(options).host_sql(third.load()?).start().await?;
    let failed = tokio::time::timeout(SOON, async {
        loop {
            match over().await? {
                progress if progress.projection.version == 3 => {
                    return Ok::<_, annals_devdb::TestFailure>(progress);
                }
                _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    });
    let failed = failed.await??;
    assert_eq!(failed.state, RebuildState::Failed, "{failed:?}");
    assert!(failed.failure.as_ref().is_some_and(|why| why.contains("rows.rows outright")), "{failed:?}");
    assert_eq!(said().await?, [("b".to_owned(), 13)]);
    newest.stop().await;
    Ok(())
}
