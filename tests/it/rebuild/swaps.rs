//! What a rebuild changes, and what it keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use annals_devdb::TestResult;
use annals_eventstore::RunnerId;
use annals_eventstore::postgres::{CheckpointError, Consumer, Leases};
use annals_projections::{OperateError, RebuildOptions, RebuildState};
use tokio::sync::Semaphore;

use super::ground::{Counted, Ground, SOON, STREAMS, Totals, started, totals};
use super::reader::Reader;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_handler_changes_the_read_model_and_readers_never_see_less() -> TestResult {
    let ground = Ground::fresh().await?;
    let old = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(20).await?).await?;
    old.stop().await;
    let new = Totals { weight: 100, ..Totals::default() };
    let (rebuilt, applied) = (Arc::clone(&new.rebuilt), Arc::clone(&new.applied));
    let runners = [started(&ground.store, new.clone()).await?, started(&ground.store, new).await?];
    let reader = Reader::begin(ground.db.connect().await?);

    ground.ask().await?;
    let progress = ground.over(RebuildState::Done).await?;
    ground.reached(ground.append(5).await?).await?;

    let read = reader.end().await?;
    println!("{} reads, the swap took {:?}, filled in {:?}", read.reads, progress.frozen, progress.took);
    assert_eq!(ground.counted().await?, Counted::all(25, 100));
    assert!(read.reads > 0 && read.fewer.is_empty(), "{read:?}");
    assert_eq!(read.weights.first(), Some(&(20 * STREAMS as i64)), "the reader began with the old tables");
    assert_eq!(rebuilt.load(Ordering::Relaxed), 20 * STREAMS as u64);
    assert_eq!(applied.load(Ordering::Relaxed), 5 * STREAMS as u64, "what came behind the swap is live");
    assert_eq!(progress.handed_over.len(), 4);
    assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));
    for runner in runners {
        runner.stop().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_under_way_at_the_swap_is_refused_and_applied_to_the_new_tables_once() -> TestResult {
    let ground = Ground::fresh().await?;
    let gate = Arc::new(Semaphore::new(1_000));
    let runner = Totals { weight: 1, gate: Some(Arc::clone(&gate)), ..Totals::default() };
    let runner = started(&ground.store, runner).await?;
    ground.reached(ground.append(3).await?).await?;
    // From now on batches stand still in the middle, behind what they have written.
    gate.forget_permits(1_000);
    let end = ground.append(1).await?;
    let held = "select count(*) from pg_stat_activity
                where datname = current_database() and state = 'idle in transaction' and query like 'insert into noted%'";
    while ground.client.query_one(held, &[]).await?.get::<_, i64>(0) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }

    ground.ask().await?;
    ground.over(RebuildState::Done).await?;
    let before = ground.counted().await?;
    gate.add_permits(1_000);
    ground.reached(end).await?;

    assert_eq!(before, Counted::all(3, 1), "nothing of the batches under way is in the new tables");
    assert_eq!(ground.counted().await?, Counted::all(4, 1));
    runner.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_sleeps_through_the_swap_changes_nothing_more() -> TestResult {
    let ground = Ground::fresh().await?;
    let first = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    first.stop().await;
    // It has every slot, and a batch that has written and is not committed.
    let (leases, sleeper) = (Leases::of(&ground.store, ground.store.pool().clone()), RunnerId::new());
    let mut owned = Vec::new();
    for slot in leases.list(&totals()).await? {
        owned.push(leases.take(&totals(), slot.partition, sleeper, SOON).await?.ok_or("every slot is free")?);
    }
    let mut client = ground.db.connect().await?;
    let batch = client.transaction().await?;
    batch.batch_execute("update reading.totals set weight = 77").await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;

    ground.ask().await?;
    ground.until(|progress| progress.state == RebuildState::Swapped).await?;
    let mut refused = 0;
    for claimed in &owned {
        let moved = claimed.advance(&batch, claimed.checkpoint().cursor()).await;
        assert!(matches!(moved, Err(CheckpointError::TakenOver { .. })), "{moved:?}");
        refused += 1;
    }
    batch.rollback().await?;
    for slot in leases.list(&totals()).await? {
        assert_ne!(slot.lease.owner, Some(sleeper), "its leases are free");
    }
    ground.over(RebuildState::Done).await?;
    ground.reached(ground.append(1).await?).await?;

    assert_eq!(refused, 4);
    assert_eq!(ground.counted().await?, Counted::all(3, 1));
    runner.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_owners_and_default_rights_are_carried_over_and_old_tables_kept_where_asked() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    ground
        .client
        .batch_execute(
            "grant usage on schema reading to annals_reader; grant select on reading.totals to annals_reader with grant option;
             grant update (weight) on reading.totals to annals_operator; grant usage on reading.noted_nth_seq to annals_reader;
             grant select on reading.noted to public;
             alter default privileges in schema reading grant select on tables to annals_appender;
             alter table reading.totals owner to annals_owner",
        )
        .await?;
    let rights = "
        select c.relname::text, c.relowner::regrole::text, c.relacl::text,
               (select string_agg(attname || attacl::text, ' ') from pg_attribute where attrelid = c.oid), n.nspacl::text
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = 'reading' and c.relkind in ('r', 'S') order by 1";
    let rights = async || -> Result<Vec<Vec<Option<String>>>, tokio_postgres::Error> {
        let rows = ground.client.query(rights, &[]).await?;
        Ok(rows.iter().map(|row| (0..5).map(|n| row.get(n)).collect()).collect())
    };
    let before = rights().await?;

    let kept = RebuildOptions { keep_old: true, ..RebuildOptions::default() };
    let id = ground.operator.rebuild(&totals(), &kept, "a test").await?;
    ground.over(RebuildState::Done).await?;

    let after = rights().await?;
    // New tables have what new tables get besides.
    let without = |rows: &[Vec<Option<String>>]| {
        let said = rows.iter().flatten().flatten();
        said.map(|said| said.replace("annals_appender=r/root,", "").replace(",annals_appender=r/root", ""))
            .collect::<Vec<_>>()
    };
    println!("{} tables and sequences: {after:?}", after.len());
    assert!(before.len() == 3);
    let mine: String = ground.client.query_one("select current_user::text", &[]).await?.get(0);
    let rename = |rows: &[Vec<Option<String>>]| {
        without(rows).iter().map(|said| said.replace(&format!("/{mine}"), "/me")).collect::<Vec<_>>()
    };
    assert_eq!(sorted(&rename(&after)), sorted(&rename(&before)));
    let default =
        "select defaclacl::text from pg_default_acl where defaclnamespace = 'reading'::regnamespace";
    let default: String = ground.client.query_one(default, &[]).await?.get(0);
    assert!(default.contains("annals_appender=r"), "{default}");
    assert_eq!(ground.left_behind().await?, [format!("reading__old_{id}")]);
    let old = format!("select count(*) from reading__old_{id}.totals");
    assert_eq!(ground.client.query_one(&old, &[]).await?.get::<_, i64>(0), STREAMS as i64);
    runner.stop().await;
    Ok(())
}

/// Sorts the entries of access lists, whose order says nothing.
fn sorted(said: &[String]) -> Vec<Vec<String>> {
    let entries = |said: &String| {
        let mut entries: Vec<String> = said
            .trim_matches(['{', '}'])
            .split(',')
            .map(str::to_owned)
            .filter(|entry| !entry.contains("annals_appender"))
            .collect();
        entries.sort();
        entries
    };
    said.iter().map(entries).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_rebuilt_is_refused_with_the_reason() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals::default()).await?;
    ground.reached(ground.append(1).await?).await?;

    let nobody = Consumer { name: "nobody".to_owned(), version: 1 };
    let unknown = ground.operator.rebuild(&nobody, &RebuildOptions::default(), "a test").await;
    assert!(matches!(unknown, Err(OperateError::UnknownProjection(_))), "{unknown:?}");
    let nothing = ground.operator.cancel_rebuild(&totals(), "a test").await;
    assert!(matches!(nothing, Err(OperateError::NoRebuild(_))), "{nothing:?}");
    ground.client.batch_execute("update annals.projections set schema_name = null").await?;
    let schemaless = ground.operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await;
    assert!(matches!(schemaless, Err(OperateError::NoOwnSchema(_))), "{schemaless:?}");
    ground.client.batch_execute("update annals.projections set schema_name = 'public'").await?;
    let shared = ground.operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await;
    assert!(matches!(shared, Err(OperateError::SharedSchema { .. })), "{shared:?}");
    runner.stop().await;
    Ok(())
}
