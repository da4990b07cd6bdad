//! What a rebuild meets: poison, crashes, another database.

use annals_devdb::{TestDatabase, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, Consumer, PoolOptions, SchemaName, connect, migrate_read_models, pool,
};
use annals_eventstore::{Append, EventStore, ExpectedVersion, NewEvent};
use annals_projections::{Operator, Progress, RebuildOptions, RebuildState, Runner, RunnerOptions};

use super::ground::{Counted, Ground, LEASE, SOON, STREAMS, Totals, started, totals};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rebuild_cannot_apply_is_parked_with_it_and_what_the_live_one_had_parked_is_not() -> TestResult
{
    let ground = Ground::fresh().await?;
    // The old handler cannot take one event, the new one cannot take another.
    let old = started(&ground.store, Totals { weight: 1, poison: Some(1), ..Totals::default() }).await?;
    ground.reached(ground.append(3).await?).await?;
    let parked = ground.operator.parked(&totals(), 1000).await?;
    assert_eq!(parked.len(), 2 * STREAMS, "the second and the third event of every stream");
    old.stop().await;
    let new = started(&ground.store, Totals { weight: 1, poison: Some(2), ..Totals::default() }).await?;

    ground.ask().await?;
    ground.over(RebuildState::Done).await?;

    let parked = ground.operator.parked(&totals(), 1000).await?;
    println!("{} events are parked", parked.len());
    assert_eq!(parked.len(), STREAMS, "the third event of every stream");
    assert_eq!(ground.counted().await?, Counted::all(2, 1));
    assert_eq!(ground.rows_left().await?, 0);
    new.stop().await;

    // They are the projection's own by now.
    let mended = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    for n in 0..STREAMS {
        ground.operator.retry(&totals(), &format!("account-{n}"), "mended", SOON).await?;
    }
    assert_eq!(ground.counted().await?, Counted::all(3, 1));
    mended.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_tables_that_show_less_of_a_key_than_the_live_ones_wait_until_somebody_has_seen_to_it()
-> TestResult {
    let ground = Ground::fresh().await?;
    let old = started(&ground.store, Totals { weight: 1, ..Totals::default() }).await?;
    ground.reached(ground.append(2).await?).await?;
    let poison = Append::to("account-3".parse()?, [NewEvent::new("counted", &7)?]);
    let end = ground.store.append(poison.expecting(ExpectedVersion::Any)).await?.to_position;
    ground.reached(end).await?;
    old.stop().await;
    let new = started(&ground.store, Totals { weight: 1, poison: Some(7), ..Totals::default() }).await?;

    let id = ground.ask().await?;
    let waiting = ground.until(|progress| progress.waits_for.is_some()).await?;
    let filler = Consumer { name: format!("totals~rebuild-{id}"), version: 1 };
    let why = waiting.waits_for.unwrap_or_default();
    assert!(why.contains("account-3") && why.contains(&filler.name) && why.contains("poison"), "{why}");
    assert_eq!(ground.operator.parked(&filler, 10).await?.len(), 1);
    ground.operator.discard(&filler, "account-3", "it counts no more", SOON).await?;
    ground.over(RebuildState::Done).await?;

    assert_eq!(ground.counted().await?, Counted::all(2, 1));
    new.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_runner_dies_is_gone_on_with_by_the_next_one() -> TestResult {
    let ground = Ground::fresh().await?;
    let handler = Totals { weight: 1, ..Totals::default() };
    let first = started(&ground.store, handler.clone()).await?;
    ground.reached(ground.append(100).await?).await?;
    let slowly = RebuildOptions { events_per_second: Some(600), ..RebuildOptions::default() };
    ground.operator.rebuild(&totals(), &slowly, "a test").await?;
    let filled = "select coalesce(sum(position), 0)::bigint from annals.checkpoints where consumer ~ '~'";
    while ground.client.query_one(filled, &[]).await?.get::<_, i64>(0) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let state = ground.progress().await?.state;
    first.abort();

    let second = started(&ground.store, handler).await?;
    let progress = ground.over(RebuildState::Done).await?;
    ground.reached(ground.append(1).await?).await?;

    println!("died while {state}, done after {:?}", progress.took);
    assert_eq!(ground.counted().await?, Counted::all(101, 1));
    assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0));
    second.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_in_another_database_is_rebuilt_there() -> TestResult {
    let (ground, elsewhere) = (Ground::fresh().await?, TestDatabase::empty().await?);
    let options: ConnectOptions = elsewhere.url().parse()?;
    migrate_read_models(&options, &SchemaName::default()).await?;
    let read_models = pool(&options, PoolOptions::default());
    let run = RunnerOptions { lease: LEASE, ..RunnerOptions::default() };
    let runner = Runner::new(&ground.store).options(run).read_models_in(options.clone());
    let runner = runner.host(|| Totals { weight: 3, ..Totals::default() }).start().await?;
    let progress = Progress::of(&ground.store, read_models.clone(), totals());
    progress.wait_for(ground.append(5).await?, None, SOON).await?;

    let operator = Operator::of(&ground.store, read_models);
    operator.rebuild(&totals(), &RebuildOptions::default(), "a test").await?;
    let mut last = None;
    let mut followed = Box::pin(operator.follow_rebuild("totals"));
    while let Some(progress) = futures_util::StreamExt::next(&mut followed).await {
        last = Some(progress?);
    }
    let append = Append::to("account-0".parse()?, [NewEvent::new("counted", &9)?]);
    let end = ground.store.append(append.expecting(ExpectedVersion::Any)).await?.to_position;
    progress.wait_for(end, None, SOON).await?;

    let last = last.ok_or("nothing was told of the rebuild")?;
    assert_eq!(last.state, RebuildState::Done, "{last:?}");
    let client = connect(&options).await?.into_client();
    let row =
        client.query_one("select sum(events)::bigint, sum(weight)::bigint from reading.totals", &[]).await?;
    let events = (5 * STREAMS + 1) as i64;
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (events, 3 * events));
    runner.stop().await;
    Ok(())
}
