//! Appends to several streams with one thing wrong in the SQL: each is noticed by the case that promises it.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::conformance::{CaseResult, cases};
use annals_eventstore::{Append, AppendMany, EventId, EventStore, ExpectedVersion, NewEvent};
use tokio_postgres::Client;

use crate::support::{TestDb, until_waiting};

/// Rewrites a function of the log where it stands; what is replaced must be there.
async fn replace(owner: &Client, function: &str, old: &str, new: &str) -> TestResult {
    let sql = "select pg_get_functiondef(oid) from pg_proc
               where proname = $1 and pronamespace = 'annals'::regnamespace";
    let source: String = owner.query_one(sql, &[&function]).await?.get(0);
    assert!(source.contains(old), "{function} has no `{old}`");
    Ok(owner.batch_execute(&source.replace(old, new)).await?)
}

/// Returns how a case fails on a log with one function changed.
async fn failure(
    function: &str,
    old: &str,
    new: &str,
    case: impl AsyncFn(&TestDb) -> CaseResult,
) -> Result<String, TestFailure> {
    let db = TestDb::fresh().await?;
    replace(&db.connect().await?, function, old, new).await?;
    let failure = case(&db).await.expect_err("the case passes a log with a fault in it");
    Ok(failure.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_order_of_the_names_writers_wait_for_each_other() -> TestResult {
    let case = cases::writers_of_overlapping_streams_never_block_each_other_for_ever;
    let failure =
        failure("append_many_events", "order by p.stream collate \"C\"", "order by p.index", case).await?;

    assert!(failure.contains("deadlock detected"), "{failure}");
    Ok(())
}

/// Repeats an append while its first sending is not yet committed; returns the version of the next event.
async fn version_after_a_late_repetition(db: &TestDb) -> Result<i64, TestFailure> {
    let (store, observer, mut client) = (db.store(), db.connect().await?, db.connect().await?);
    let event = || NewEvent::new("noted", &());
    let first = AppendMany::new()
        .check("none-1".parse()?, ExpectedVersion::NoStream)
        .append("b-1".parse()?, ExpectedVersion::Any, [event()?])
        .append("a-1".parse()?, ExpectedVersion::Any, [event()?])
        .with_key("k");
    let mut again = first.clone();
    again.streams.iter_mut().flat_map(|part| &mut part.events).for_each(|event| event.id = EventId::new());

    let transaction = client.transaction().await?;
    store.append_many_in(&transaction, first).await?;
    let repeating = tokio::spawn({
        let store = store.clone();
        async move { store.append_many(again).await }
    });
    until_waiting(&observer, 1).await?;
    transaction.commit().await?;
    assert!(repeating.await??.already_applied);
    Ok(store.append(Append::to("b-1".parse()?, [event()?])).await?.from_version.get())
}

#[tokio::test]
async fn a_repetition_that_came_too_early_gives_its_versions_back() -> TestResult {
    assert_eq!(version_after_a_late_repetition(&TestDb::fresh().await?).await?, 2);

    let broken = TestDb::fresh().await?;
    replace(&broken.connect().await?, "give_streams_back", "s.version - p.events", "s.version").await?;
    assert_eq!(version_after_a_late_repetition(&broken).await?, 3, "a gap, where nothing is given back");
    Ok(())
}

#[tokio::test]
async fn positions_in_the_order_of_the_names_are_noticed() -> TestResult {
    let case = cases::events_of_several_streams_are_stored_together;
    let failure = failure("append_many_events", "order by g.index", "order by placed.target", case).await?;

    assert!(failure.contains("the log") || failure.contains("position"), "{failure}");
    Ok(())
}
