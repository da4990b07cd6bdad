//! A codec between an application and its log: what is stored is what the codec makes of it, and nobody else notices.

use std::time::Duration;

use annals::aggregates::{Aggregate, Context, LoadError, Repository, SnapshotPolicy};
use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, AppendedDecisions, Decision, EventFilter, EventStore,
    ExpectedVersion, GlobalPosition, LogQuery, NewEvent, PostgresStore, RecordedEvent, StreamName,
    StreamQuery, Subscription, Version,
};
use annals_projections::{Operator, Progress, Runner};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{Counter, Keys, SqlFolder, TestDb};

const SOON: Duration = Duration::from_secs(30);

/// What no table may hold.
const SECRET: &str = "Ada's secret";

fn secret() -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::new("told", &json!({"text": SECRET}))?)
}

async fn told(store: &PostgresStore, stream: &StreamName) -> Result<GlobalPosition, TestFailure> {
    Ok(store.append(Append::to(stream.clone(), [secret()?])).await?.to_position)
}

/// The data of every event there is, by each way that leads to it.
async fn read_by_every_way(
    store: &PostgresStore,
    stream: &StreamName,
) -> Result<Vec<(&'static str, Vec<RecordedEvent>)>, TestFailure> {
    let start = GlobalPosition::START;
    let filtered = LogQuery::after(start).wanting(EventFilter::all().event_types(["told".parse()?]));
    let mut client = store.pool().get().await?;
    let transaction = client.transaction().await?;
    let within =
        annals_eventstore::TransactionalStore::read_tail_in(store, &transaction, stream, Version::NONE, 10);
    let mut live = Subscription::after(store.clone(), start);
    Ok(vec![
        ("forward", store.read_stream(stream, StreamQuery::forward()).await?),
        ("backward", store.read_stream(stream, StreamQuery::backward()).await?),
        ("tail", store.read_tail(stream, Version::NONE, 10).await?.events),
        ("tail within", within.await?.events),
        ("log", store.read_log(LogQuery::after(start)).await?.events),
        ("log backward", store.read_log(LogQuery::before(GlobalPosition::END)).await?.events),
        ("filtered", store.read_log(filtered).await?.events),
        ("subscription", timeout(SOON, live.next()).await??.log.events),
    ])
}

#[tokio::test]
async fn what_is_stored_is_sealed_and_every_way_back_opens_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client, stream) =
        (Keys::default().open(&db).await?, db.connect().await?, "person-1".parse()?);
    told(&store, &stream).await?;

    let stored: String = client.query_one("select data::text from annals.events", &[]).await?.get(0);

    assert!(!stored.contains(SECRET), "{stored}");
    let mut ways = 0;
    for (way, events) in read_by_every_way(&store, &stream).await? {
        assert_eq!(events.len(), 1, "{way}");
        assert_eq!(events[0].data.as_str(), format!("{{\"text\":{SECRET:?}}}"), "{way}");
        ways += 1;
    }
    assert_eq!(ways, 8);
    let bare = db.store().read_stream(&stream, StreamQuery::forward()).await?;
    assert_eq!(bare[0].data.as_str(), stored, "whoever has no codec sees what is stored");
    Ok(())
}

#[tokio::test]
async fn states_are_sealed_as_well_and_a_load_begins_at_them() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (Keys::default().open(&db).await?, db.connect().await?);
    let counters = Repository::<Counter, _>::new(store).with_snapshots(SnapshotPolicy::every(2));
    for by in [10, 20, 30] {
        counters.execute(&1, by, &Context::new()).await?;
        counters.flush_snapshots().await;
    }
    let state: String = client.query_one("select state::text from annals.snapshots", &[]).await?.get(0);
    assert!(state.len() > 20 && !state.contains("30"), "{state}");
    // What the snapshot holds cannot be read from events any more.
    client
        .batch_execute(
            "alter table annals.events disable trigger all; delete from annals.events where version = 1",
        )
        .await?;

    let loaded = counters.load(&1).await?;

    assert_eq!((loaded.state, loaded.version.get()), (Counter(60), 3));
    Ok(())
}

#[tokio::test]
async fn a_repetition_under_a_key_is_recognised_although_it_is_sealed_anew_or_was_never_sealed() -> TestResult
{
    let db = TestDb::fresh().await?;
    let (bare, sealed) = (db.store(), Keys::default().open(&db).await?);
    // Whatever stands in names and data goes into the hash as it does in the database.
    let odd = || {
        NewEvent::new(
            "t\"old\\ ä\u{2028}",
            &json!({"text": "\"\\/\u{8}\u{c}\n\r\t\u{1f} \u{7f} ä 𝄞 </script>"}),
        )
    };
    let mut repeated = 0;
    for (first, again) in [(&bare, &sealed), (&sealed, &sealed), (&sealed, &bare)] {
        let (one, other): (StreamName, StreamName) =
            (format!("o\"d\\d ä-{repeated}").parse()?, format!("other-{repeated}").parse()?);
        let append = || {
            Ok::<_, TestFailure>(
                Append::to(one.clone(), [odd()?, odd()?]).with_key(format!("one {repeated}").as_str()),
            )
        };
        let many = || {
            let append = AppendMany::new().append(one.clone(), ExpectedVersion::Any, [odd()?]);
            let append = append.check("nobody-1".parse()?, ExpectedVersion::NoStream);
            let append = append.append(other.clone(), ExpectedVersion::Any, [odd()?, odd()?]);
            Ok::<_, TestFailure>(append.with_key(format!("many {repeated}").as_str()))
        };
        let decisions = |at: u32| {
            let decision = Decision::of([odd()?]).with_key(format!("decision {repeated}").as_str());
            Ok::<_, TestFailure>(
                AppendDecisions::to(other.clone(), Version::NONE.advance(at.into())).then(decision),
            )
        };

        assert!(!first.append(append()?).await?.already_applied);
        assert!(again.append(append()?).await?.already_applied);
        assert!(!first.append_many(many()?).await?.already_applied);
        assert!(again.append_many(many()?).await?.already_applied);
        assert!(matches!(first.append_decisions(decisions(2)?).await?, AppendedDecisions::Stored(_)));
        let used = again.append_decisions(decisions(3)?).await?;
        assert!(matches!(&used, AppendedDecisions::UsedBefore(used) if used.len() == 1), "{used:?}");
        let other_data = Append::to(one.clone(), [secret()?]).with_key(format!("one {repeated}").as_str());
        let reused = again.append(other_data).await;
        assert!(matches!(reused, Err(AppendError::KeyReused { .. })), "{reused:?}");
        repeated += 1;
    }
    assert_eq!(repeated, 3);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sealed_is_refused_by_its_place_and_nothing_is_written() -> TestResult {
    let db = TestDb::fresh().await?;
    let (keys, erased): (Keys, StreamName) = (Keys::default(), "person-1".parse()?);
    let store = keys.open(&db).await?;
    keys.erase(&erased);

    let append = AppendMany::new().append("person-2".parse()?, ExpectedVersion::Any, [secret()?]);
    let refused = store.append_many(append.append(erased, ExpectedVersion::Any, [secret()?])).await;

    let Err(AppendError::Sealing { index: 1, source }) = refused else { panic!("{refused:?}") };
    assert_eq!(source.to_string(), "the key of person-1 was erased");
    assert!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.is_empty());
    Ok(())
}

#[tokio::test]
async fn whose_key_was_thrown_away_is_read_as_stored_and_a_load_says_why_it_cannot_be_decoded() -> TestResult
{
    let db = TestDb::fresh().await?;
    let keys = Keys::default();
    let store = keys.open(&db).await?;
    let counters = Repository::<Counter, _>::new(store.clone());
    for id in [1, 2] {
        counters.execute(&id, 10, &Context::new()).await?;
    }
    keys.erase(&Counter::stream_name(&1)?);

    let refused = counters.load(&1).await;

    let Err(LoadError::Decode(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.source.to_string(), "payload cannot be opened: the key of counter-1 was erased");
    assert_eq!(counters.load(&2).await?.state, Counter(10));
    assert_eq!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_projection_in_sql_sees_what_was_sealed_and_parks_what_cannot_be_opened() -> TestResult {
    for statement in [
        "insert into rows values (:position, :data.text)",
        "-- batch\ninsert into rows select position, data->>'text' from events",
    ] {
        let db = TestDb::fresh().await?;
        let (keys, erased, client) = (Keys::default(), "person-1".parse()?, db.connect().await?);
        let store = keys.open(&db).await?;
        told(&store, &erased).await?;
        keys.erase(&erased);
        let last = told(&store, &"person-2".parse()?).await?;
        let toml = "name = \"rows\"\nversion = 1\n[events]\ntold = \"told.sql\"\n";
        let setup = "create table if not exists rows (number bigint, said text);";
        let folder =
            SqlFolder::of(&[("projection.toml", toml), ("setup.sql", setup), ("told.sql", statement)])?;
        let consumer = Consumer { name: "rows".to_owned(), version: 1 };
        let runner = Runner::new(&store).host_sql(folder.load()?).start().await?;
        Progress::of(&store, store.pool().clone(), consumer.clone()).wait_for(last, None, SOON).await.ok();
        let parked = Operator::of(&store, store.pool().clone()).parked(&consumer, 10).await?;
        runner.stop().await;

        let rows = client.query("select number, said from rows.rows", &[]).await?;
        assert_eq!(
            rows.iter().map(|row| row.get::<_, String>(1)).collect::<Vec<_>>(),
            [SECRET],
            "{statement}"
        );
        assert_eq!(parked.len(), 1, "{parked:?}");
        let reason = parked[0].reason.clone().unwrap_or_default();
        assert!(reason.contains("the key of person-1 was erased"), "{reason}");
    }
    Ok(())
}
