//! What holds a rebuild up, or ends it: it says so, and nothing has changed.

use std::time::Duration;

use annals_devdb::TestResult;
use annals_projections::{OperateError, RebuildOptions, RebuildState};

use super::ground::{Counted, Ground, Totals, started, totals};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_on_the_old_tables_holds_the_swap_up_by_name_until_it_is_gone() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    let in_the_way = [
        ("create view public.held as select * from reading.totals", "view held", "drop view public.held"),
        (
            "create view reading.inside as select * from reading.totals",
            "view reading.inside",
            "drop view reading.inside",
        ),
        (
            "create table public.child (stream text references reading.totals)",
            "constraint child_stream_fkey on table child",
            "drop table public.child",
        ),
        (
            "create publication told for table reading.totals",
            "publication of table reading.totals in publication told",
            "drop publication told",
        ),
        (
            "create function public.asked() returns bigint language sql begin atomic select sum(weight) from reading.totals; end",
            "function asked()",
            "drop function public.asked()",
        ),
        (
            "alter table reading.totals enable row level security; create policy open on reading.totals using (true)",
            "policy open on reading.totals, row security of reading.totals",
            "drop policy open on reading.totals; alter table reading.totals disable row level security",
        ),
        (
            "create trigger late before insert on reading.totals for each row execute function suppress_redundant_updates_trigger()",
            "trigger late on reading.totals",
            "drop trigger late on reading.totals",
        ),
    ];

    for (create, name, _) in in_the_way {
        ground.client.batch_execute(create).await.map_err(|error| format!("{create}: {error:?}"))?;
        println!("{name}");
    }
    ground.ask().await?;
    for (_, name, drop) in in_the_way {
        let held_up =
            ground.until(|progress| progress.waits_for.as_ref().is_some_and(|why| why.contains(name)));
        let held_up = held_up.await.map_err(|error| format!("{name}: {error:?}"))?;
        assert_eq!(held_up.state, RebuildState::Filling);
        ground.client.batch_execute(drop).await?;
        let gone = |why: &String| !why.contains(name);
        ground.until(|progress| progress.waits_for.as_ref().is_none_or(gone)).await?;
    }

    ground.over(RebuildState::Done).await?;
    assert_eq!(ground.counted().await?, Counted::all(2, 1));
    runner.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_is_cancelled_before_it_begins_while_it_fills_and_while_it_waits() -> TestResult {
    let ground = Ground::fresh().await?;
    let handler = Totals { weight: 1, ..Totals::default() };
    let runner = started(&ground.store, handler.clone()).await?;
    ground.reached(ground.append(40).await?).await?;
    runner.stop().await;
    let before = ground.counted().await?;

    // Nobody is there to begin.
    ground.ask().await?;
    let twice = ground.operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await;
    assert!(matches!(twice, Err(OperateError::RebuildUnderWay(_))), "{twice:?}");
    ground.operator.cancel_rebuild(&totals(), "a test").await?;
    ground.over(RebuildState::Cancelled).await?;

    // It fills slowly.
    let runner = started(&ground.store, handler).await?;
    let slowly = RebuildOptions { events_per_second: Some(20), ..RebuildOptions::default() };
    ground.operator.rebuild(&totals(), &slowly, "a test").await?;
    ground
        .until(|progress| progress.state == RebuildState::Filling && i64::from(progress.position) >= 0)
        .await?;
    let filled =
        "select count(*) from pg_stat_activity where datname = current_database() and query ~ 'noted'";
    ground.client.query_one(filled, &[]).await?;
    ground.operator.cancel_rebuild(&totals(), "a test").await?;
    ground.over(RebuildState::Cancelled).await?;
    assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));

    // It waits for somebody.
    ground.client.batch_execute("create view public.held as select * from reading.totals").await?;
    ground.ask().await?;
    ground.until(|progress| progress.waits_for.is_some()).await?;
    ground.operator.cancel_rebuild(&totals(), "a test").await?;
    ground.over(RebuildState::Cancelled).await?;

    assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));
    assert_eq!(ground.counted().await?, before);
    ground.reached(ground.append(1).await?).await?;
    assert_eq!(ground.counted().await?, Counted::all(41, 1));
    runner.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_names_the_live_tables_outright_fails_its_rebuild_and_changes_nothing() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    runner.stop().await;
    let before = ground.counted().await?;
    let writes = "with live as (update reading.totals set weight = 0) insert into totals
                  select s, 1, $2 from unnest($1::text[]) as s on conflict do nothing";
    let reads = "insert into totals select s, 1, $2 + (select count(*) from reading.totals) from unnest($1::text[]) as s
                 on conflict do nothing";

    for outright in [writes, reads] {
        let runner = started(&ground.store, Totals { sql: Some(outright), ..Totals::default() }).await?;
        ground.ask().await?;
        let failed = ground.over(RebuildState::Failed).await?;

        assert!(failed.failure.as_ref().is_some_and(|why| why.contains("reading.totals")), "{failed:?}");
        assert_eq!(ground.counted().await?, before);
        assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));
        runner.stop().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_that_is_not_content_fails_the_rebuild_and_the_live_tables_stay() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    let before = ground.counted().await?;
    let unhappy = [
        ("select count(*) = 7 as fits from totals", "{\"fits\":false}"),
        ("select stream from totals where events <> 3 order by stream limit 1", "account-"),
        ("delete from totals returning true", "the verification cannot be asked"),
        ("select true; commit", "the verification cannot be asked"),
        ("select nothing", "the verification cannot be asked"),
    ];

    for (query, why) in unhappy {
        let verified = RebuildOptions { verification: Some(query.to_owned()), ..RebuildOptions::default() };
        ground.operator.rebuild(&totals(), &verified, "a test").await?;
        let failed = ground.over(RebuildState::Failed).await?;
        assert!(failed.failure.as_ref().is_some_and(|told| told.contains(why)), "{query}: {failed:?}");
        assert_eq!(ground.counted().await?, before);
        assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));
    }
    let content = "select count(*) = (select count(*) from reading.totals) as same, true from totals;";
    let verified = RebuildOptions { verification: Some(content.to_owned()), ..RebuildOptions::default() };
    ground.operator.rebuild(&totals(), &verified, "a test").await?;
    ground.over(RebuildState::Done).await?;

    println!("{} verifications were not content", unhappy.len());
    assert_eq!(ground.counted().await?, before);
    runner.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_tables_that_somebody_still_reads_go_when_he_is_done() -> TestResult {
    let ground = Ground::fresh().await?;
    let runner = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    let reader = ground.db.connect().await?;
    reader
        .batch_execute("begin; declare slow cursor for select * from reading.totals; fetch 1 from slow")
        .await?;

    let id = ground.ask().await?;
    let waiting = ground.until(|progress| progress.waits_for.is_some()).await?;
    assert_eq!(waiting.state, RebuildState::Swapped, "{waiting:?}");
    assert!(waiting.frozen.is_some_and(|frozen| frozen < Duration::from_secs(3)), "{waiting:?}");
    let read = reader.query("fetch all from slow", &[]).await?.len();
    reader.batch_execute("commit").await?;
    ground.over(RebuildState::Done).await?;

    assert_eq!(read, 23, "the old tables were there until the reader was done");
    assert_eq!(ground.left_behind().await?, Vec::<String>::new(), "rebuild {id}");
    runner.stop().await;
    Ok(())
}
