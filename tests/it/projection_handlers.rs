//! A projection event by event: handlers by type, their statements in order, a schema of its own, a filter.

use std::error::Error;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::SlotError;
use annals_eventstore::{
    Append, Batch, Category, EventFilter, EventStore, GlobalPosition, HandlerError, NewEvent, PostgresStore,
};
use annals_projections::{Handlers, Projection, StartError, Stopped, UnknownEventType, WriteError, start};

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(20);

/// The last note of each stream and how many there were, in tables of a schema of its own.
struct Notes(Handlers);

impl Notes {
    fn new() -> Self {
        let handlers = Handlers::new()
            .on("noted", |event, writes| {
                let (stream, note) = (event.stream.to_string(), event.data.as_str().to_owned());
                writes
                    .execute("insert into notes (stream, number) values ($1, 0) on conflict do nothing")
                    .with(stream.clone());
                writes
                    .execute("update notes set number = number + 1, last = $2 where stream = $1")
                    .with(stream)
                    .with(note);
                Ok(())
            })
            .on("refused", |_, _| Err("it is refused".into()))
            .on("broken", |_, writes| {
                writes
                    .execute("insert into notes (stream, number) values ('broken', 1 / $1::bigint)")
                    .with(0_i64);
                Ok(())
            })
            .pass(["renamed"]);
        Self(handlers)
    }
}

impl Projection for Notes {
    const NAME: &'static str = "notes";
    const SCHEMA: Option<&'static str> = Some("notebook");
    const TABLES: &'static str =
        "create table if not exists notes (stream text primary key, number bigint not null, last text)";

    fn filter() -> EventFilter {
        EventFilter::all().categories([Category::new("page").expect("a category")])
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        self.0.apply(batch).await
    }
}

/// Two slots, which `start` cannot run.
struct Dealt;

impl Projection for Dealt {
    const NAME: &'static str = "dealt";
    const PARTITIONS: u16 = 2;
    const TABLES: &'static str = "";

    async fn apply(&mut self, _: Batch<'_>) -> Result<(), HandlerError> {
        Ok(())
    }
}

async fn append(store: &PostgresStore, stream: &str, types: &[&str]) -> Result<GlobalPosition, TestFailure> {
    let events = types.iter().enumerate().map(|(n, name)| NewEvent::new(name, &n));
    let events: Vec<_> = events.collect::<Result<_, _>>()?;
    Ok(store.append(Append::to(stream.parse()?, events)).await?.to_position)
}

#[tokio::test]
async fn statements_of_many_events_are_carried_out_in_their_order_in_the_schema_of_the_projection()
-> TestResult {
    let db = TestDb::fresh().await?;
    let store = db.store();
    // A table of the same name elsewhere is not touched.
    let client = db.connect().await?;
    client
        .batch_execute("create table public.notes (stream text primary key, number bigint, last text)")
        .await?;
    let running = start(&store, Notes::new()).await?;

    append(&store, "page-1", &["noted"; 700]).await?;
    append(&store, "other-1", &["noted"]).await?;
    let end = append(&store, "page-2", &["noted", "renamed", "noted"]).await?;
    running.wait_for(end, SOON).await?;

    let rows = client.query("select stream, number, last from notebook.notes order by stream", &[]).await?;
    let notes: Vec<(String, i64, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    println!("{} streams, {} notes", notes.len(), notes.iter().map(|(_, number, _)| number).sum::<i64>());
    assert_eq!(notes, [("page-1".into(), 700, "699".into()), ("page-2".into(), 2, "2".into())]);
    let elsewhere: i64 = client.query_one("select count(*) from public.notes", &[]).await?.get(0);
    assert_eq!(elsewhere, 0);
    Ok(())
}

/// Starts the projection over some events and returns why it stops.
async fn reason_to_stop(types: &[&str]) -> Result<(GlobalPosition, HandlerError, i64), TestFailure> {
    let db = TestDb::fresh().await?;
    let store = db.store();
    let end = append(&store, "page-1", types).await?;
    let mut running = start(&store, Notes::new()).await?;
    let stopped = tokio::time::timeout(SOON, running.stopped()).await?.expect_err("it stops by itself");
    let count = "select count(*) from notebook.notes";
    let notes = db.connect().await?.query_one(count, &[]).await?.get(0);
    match stopped {
        Stopped::Failed { source: SlotError::Handler { source, .. }, .. } => Ok((end, source, notes)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_type_that_nobody_handles_is_an_error_and_not_a_silence() -> TestResult {
    let (at, reason, notes) = reason_to_stop(&["noted", "unheard-of"]).await?;

    let expected = UnknownEventType { at, event_type: "unheard-of".parse()? };
    assert_eq!(reason.downcast_ref(), Some(&expected));
    assert_eq!(notes, 0);
    Ok(())
}

#[tokio::test]
async fn a_statement_that_fails_is_named_with_its_event() -> TestResult {
    let (at, reason, notes) = reason_to_stop(&["noted", "noted", "broken"]).await?;

    let failed = reason.downcast_ref::<WriteError>().expect("a statement failed");
    assert_eq!(failed.at, at);
    let said = failed.source().map(ToString::to_string).unwrap_or_default();
    assert!(failed.source.code().is_some_and(|code| code.code() == "22012"), "{said}");
    assert_eq!(notes, 0);
    Ok(())
}

#[tokio::test]
async fn what_a_handler_refuses_is_its_reason() -> TestResult {
    let (_, reason, notes) = reason_to_stop(&["noted", "refused"]).await?;

    assert_eq!((reason.to_string().as_str(), notes), ("it is refused", 0));
    Ok(())
}

#[tokio::test]
async fn a_projection_of_several_slots_is_not_started_for_one() -> TestResult {
    let db = TestDb::fresh().await?;

    let refused = start(&db.store(), Dealt).await.expect_err("it has two slots");

    assert!(matches!(refused, StartError::Partitioned { partitions: 2, .. }), "{refused}");
    Ok(())
}
