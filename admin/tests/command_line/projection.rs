//! `annals projection`: looking at projections and doing something about them, while a runner works.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{
    Append, Batch, EventStore, ExpectedVersion, GlobalPosition, HandlerError, NewEvent, PostgresStore,
};
use annals_projections::{Progress, Projection, Runner, RunnerOptions, RunningRunner};

use crate::support::Log;

const SOON: Duration = Duration::from_secs(30);

/// Writes a row an event, in a schema of its own; refuses what is poison.
struct Notes;

impl Projection for Notes {
    const NAME: &'static str = "notes";
    const SCHEMA: Option<&'static str> = Some("notebook");
    const TABLES: &'static str = "create table if not exists notes (position bigint primary key)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            if event.event_type.as_str() == "poison" {
                return Err("nobody takes poison".into());
            }
            let sql = "insert into notes values ($1) on conflict do nothing";
            batch.transaction.execute(sql, &[&i64::from(event.position)]).await?;
        }
        Ok(())
    }
}

/// A log with a runner that has come to its end.
struct Ground {
    log: Log,
    store: PostgresStore,
    runner: RunningRunner,
}

impl Ground {
    async fn fresh() -> Result<Self, TestFailure> {
        let log = Log::fresh().await?;
        let store = PostgresStore::connect(log.url()).await?;
        let options = RunnerOptions {
            name: "here".to_owned(),
            lease: Duration::from_secs(5),
            ..RunnerOptions::default()
        };
        let runner = Runner::new(&store).options(options).host(|| Notes).start().await?;
        let ground = Self { log, store, runner };
        ground.append("account-1", &["noted", "noted"]).await?;
        let end = ground.append("account-2", &["noted", "poison", "noted"]).await?;
        let notes = Consumer { name: "notes".to_owned(), version: 1 };
        Progress::of(&ground.store, ground.store.pool().clone(), notes).wait_for(end, None, SOON).await?;
        Ok(ground)
    }

    async fn append(&self, stream: &str, types: &[&str]) -> Result<GlobalPosition, TestFailure> {
        let events: Vec<_> = types.iter().map(|name| NewEvent::new(name, &())).collect::<Result<_, _>>()?;
        let append = Append::to(stream.parse()?, events).expecting(ExpectedVersion::Any);
        Ok(self.store.append(append).await?.to_position)
    }

    async fn leave(self) {
        self.runner.stop().await;
        self.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_who_works_and_what_is_parked_and_discards_it() -> TestResult {
    let ground = Ground::fresh().await?;
    let log = &ground.log;

    let listed = log.annals(&["projection", "ls", "--json"])?.exits(0).json()?;
    assert_eq!((&listed[0]["projection"], &listed[0]["leased"]), (&"notes".into(), &1.into()));
    assert_eq!((&listed[0]["parked_keys"], &listed[0]["parked_events"]), (&1.into(), &2.into()));
    let slots = log.annals(&["projection", "show", "notes", "--json"])?.exits(0).json()?;
    let runners = log.annals(&["projection", "runners", "notes", "--json"])?.exits(0).json()?;
    assert_eq!((slots.len(), runners.len(), &runners[0]["name"]), (1, 1, &"here".into()));
    assert_eq!(slots[0]["owner"], runners[0]["runner"]);
    let parked = log.annals(&["projection", "parked", "notes", "--check", "--json"])?.exits(5).json()?;
    assert_eq!((parked.len(), &parked[0]["key"]), (2, &"account-2".into()));
    assert_eq!((&parked[0]["reason"], &parked[1]["reason"]), (&"nobody takes poison".into(), &().into()));

    let blocked = ["--key", "account-2", "--reason", "a mistake"];
    log.annals(&[&["projection", "retry", "notes"], &blocked[..]].concat())?.exits(1);
    log.annals(&[&["projection", "discard", "notes"], &blocked[..]].concat())?.exits(0);
    log.annals(&[&["projection", "retry", "notes"], &blocked[..]].concat())?.exits(3);
    log.annals(&["projection", "parked", "notes", "--check"])?.exits(0);
    let notes = ground.store.pool().get().await?.query("select from notebook.notes", &[]).await?.len();
    assert_eq!(notes, 4);
    ground.leave().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_pauses_sets_back_and_empties_with_a_reason_and_confirms_what_hurts() -> TestResult {
    let ground = Ground::fresh().await?;
    let log = &ground.log;
    let because = ["notes", "--reason", "a test"];
    let projection =
        |verb: &str, more: &[&str]| log.annals(&[&["projection", verb], &because[..], more].concat());

    projection("pause", &[])?.exits(0);
    let listed = log.annals(&["projection", "ls", "--json"])?.exits(0).json()?;
    assert_eq!(listed[0]["paused"], true);
    projection("rewind", &["--to", "0"])?.exits(2);
    projection("rewind", &["--to", "0", "--yes"])?.exits(0);
    let slots = log.annals(&["projection", "show", "notes", "--json"])?.exits(0).json()?;
    assert_eq!((&slots[0]["position"], &slots[0]["owner"]), (&0.into(), &().into()));
    projection("reset", &[])?.exits(2);
    projection("reset", &["--yes"])?.exits(0);
    let client = ground.store.pool().get().await?;
    assert_eq!(client.query("select from notebook.notes", &[]).await?.len(), 0);
    projection("resume", &[])?.exits(0);

    let audited = client.query("select verb from annals.projection_audit order by audit_id", &[]).await?;
    let verbs: Vec<&str> = audited.iter().map(|row| row.get(0)).collect();
    assert_eq!(verbs, ["pause", "rewind", "reset", "resume"]);
    log.annals(&["projection", "pause", "nobody", "--reason", "a test"])?.exits(3);
    log.annals(&["projection", "show", "nobody"])?.exits(3);
    log.annals(&["projection", "pause", "notes"])?.exits(2);
    drop(client);
    ground.leave().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_has_a_projection_built_anew_follows_it_and_calls_one_off() -> TestResult {
    let ground = Ground::fresh().await?;
    let log = &ground.log;
    let because = ["notes", "--reason", "a test"];
    let projection =
        |verb: &str, more: &[&str]| log.annals(&[&["projection", verb], &because[..], more].concat());
    let client = ground.store.pool().get().await?;
    client.batch_execute("insert into notebook.notes values (-1)").await?;

    log.annals(&["projection", "progress", "notes"])?.exits(3);
    projection("cancel", &[])?.exits(3);
    projection("rebuild", &["--throttle", "0"])?.exits(2);
    projection("rebuild", &["--verify", "missing.sql"])?.exits(2);
    let unhappy = ["--verify", "select count(*) from notes", "--follow", "--json"];
    let failed = projection("rebuild", &unhappy)?.exits(1).json()?;
    let last = failed.last().ok_or("nothing was told")?;
    assert_eq!((&last["state"], &last["projection"]), (&"failed".into(), &"notes".into()));
    let followed =
        projection("rebuild", &["--keep", "--verify", "select count(*) = 3 from notes", "--follow"])?;
    assert!(followed.exits(0).stdout.contains("done"));
    let told = log.annals(&["projection", "progress", "notes", "--json"])?.exits(0).json()?;
    assert_eq!((told.len(), &told[0]["state"], &told[0]["position"]), (1, &"done".into(), &told[0]["head"]));
    assert!(told[0]["frozen_seconds"].as_f64().is_some_and(|seconds| seconds < 5.0), "{told:?}");
    let spoilt = "select count(*) from notebook.notes where position < 0";
    assert_eq!(client.query_one(spoilt, &[]).await?.get::<_, i64>(0), 0);

    client.batch_execute("create view notes as select * from notebook.notes").await?;
    projection("rebuild", &[])?.exits(0);
    projection("rebuild", &[])?.exits(4);
    projection("cancel", &[])?.exits(0);
    log.annals(&["projection", "progress", "notes", "--follow"])?.exits(1);
    let sql = "select verb from annals.projection_audit order by audit_id";
    let verbs: Vec<String> = client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        verbs,
        ["ask to rebuild", "ask to rebuild", "rebuild", "ask to rebuild", "cancel the rebuild"]
    );
    drop(client);
    ground.leave().await;
    Ok(())
}
