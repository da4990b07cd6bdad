//! Old events are read as they are meant now, whichever way they are read.

use annals_aggregates::{
    Aggregate, CacheOptions, Context, Events, HandleOptions, Handles, Loaded, Repository, Snapshot,
    SnapshotPolicy, SnapshotShape, fold_streams,
};
use annals_eventstore::{
    Append, Event, EventStore, EventType, MemoryStore, NewEvent, Payload, SchemaVersion, StreamName, Version,
};
use serde::{Deserialize, Serialize};

/// Adds up cents, and counts the events it took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Till {
    cents: i64,
    events: u32,
}

#[derive(Debug, PartialEq, Event)]
#[event(
    crate = annals_eventstore,
    retired(name = "till-moved", into = nothing),
    retired(name = "money-exchanged", into = out_and_in)
)]
enum TillEvent {
    #[event(name = "money-put", version = 3, upcast = [in_words, in_cents])]
    Put { cents: i64 },
}

#[derive(Serialize, Deserialize)]
struct PutV2 {
    euros: i64,
}

#[derive(Serialize)]
struct PutV3 {
    cents: i64,
}

fn in_words(euros: i64) -> PutV2 {
    PutV2 { euros }
}

fn in_cents(PutV2 { euros }: PutV2) -> PutV3 {
    PutV3 { cents: euros * 100 }
}

fn nothing(_: serde::de::IgnoredAny) -> Option<TillEvent> {
    None
}

fn out_and_in(cents: [i64; 2]) -> [TillEvent; 2] {
    [TillEvent::Put { cents: -cents[0] }, TillEvent::Put { cents: cents[1] }]
}

impl Aggregate for Till {
    const CATEGORY: &'static str = "till";
    type Id = u32;
    type Command = i64;
    type Event = TillEvent;
    type Refusal = std::convert::Infallible;

    fn decide(&self, cents: i64, _: &Context) -> Result<Events<TillEvent>, Self::Refusal> {
        Ok(TillEvent::Put { cents }.into())
    }

    fn evolve(&mut self, TillEvent::Put { cents }: &TillEvent) {
        self.cents += cents;
        self.events += 1;
    }
}

impl Snapshot for Till {
    const SHAPE: SnapshotShape = SnapshotShape::Version(1);
}

fn till_1() -> StreamName {
    "till-1".parse().expect("a name")
}

fn old(event_type: &str, version: i32, data: &str) -> NewEvent {
    let event_type = EventType::new(event_type).expect("a type");
    let schema_version = SchemaVersion::try_from(version).expect("a version");
    NewEvent { schema_version, ..NewEvent::of(event_type, Payload::from_json(data).expect("JSON")) }
}

/// A log as three generations of the program left it: 1.00, 2.00, 0.03, then 0.01 for 0.04.
async fn three_generations() -> MemoryStore {
    let store = MemoryStore::new();
    let events = [
        old("money-put", 1, "1"),
        old("money-put", 2, r#"{"euros": 2}"#),
        old("till-moved", 1, r#"{"to": "attic"}"#),
        old("money-put", 3, r#"{"cents": 3}"#),
        old("money-exchanged", 1, "[1, 4]"),
    ];
    store.append(Append::to(till_1(), events)).await.expect("events can be appended");
    store
}

const ALL: Till = Till { cents: 306, events: 5 };

#[tokio::test]
async fn a_load_upcasts_now_at_a_version_and_at_a_time() {
    let store = three_generations().await;
    let tills = Repository::<Till, _>::new(store);

    let now = tills.load(&1).await.unwrap();
    assert_eq!(now, Loaded { state: ALL, version: Version::FIRST.advance(4) });
    let at = |version| Version::NONE.advance(version);
    let states = [(1, 100), (2, 300), (3, 300), (4, 303), (5, 306)];
    for (version, cents) in states {
        let loaded = tills.load_at(&1, at(version)).await.unwrap();
        assert_eq!((loaded.state.cents, loaded.version), (cents, at(version)));
    }
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    assert_eq!(tills.load_at_time(&1, later).await.unwrap().state, ALL);
}

#[tokio::test]
async fn what_is_new_is_upcast_behind_a_kept_state_a_snapshot_and_in_a_handle() {
    let store = three_generations().await;
    let kept = Repository::<Till, _>::new(store.clone()).with_cache(CacheOptions::default());
    let snapping = Repository::<Till, _>::new(store.clone()).with_snapshots(SnapshotPolicy::every(1));
    let handles = Handles::new(Repository::<Till, _>::new(store.clone()), HandleOptions::default());
    let context = Context::new();
    kept.execute(&1, 10, &context).await.unwrap();
    snapping.execute(&1, 10, &context).await.unwrap();
    snapping.flush_snapshots().await;
    handles.execute(&1, 10, &context).await.unwrap();
    // A program of the second generation still runs beside this one.
    let late = Append::to(till_1(), [old("money-put", 2, r#"{"euros": 5}"#)]);
    store.append(late).await.unwrap();

    let loaded = snapping.load(&1).await.unwrap();
    let by_cache = kept.execute(&1, 1, &context).await.unwrap();
    let by_handle = handles.execute(&1, 1, &context).await.unwrap();

    assert_eq!(loaded.state, Till { cents: 306 + 30 + 500, events: 9 });
    assert_eq!(by_cache.loaded().unwrap().state, Till { cents: 837, events: 10 });
    assert_eq!(by_handle.loaded().unwrap().state, Till { cents: 838, events: 11 });
}

#[tokio::test]
async fn a_fold_over_streams_upcasts() {
    let store = three_generations().await;

    let folded = fold_streams(&store, [till_1()], Till::default(), |till, recorded| {
        TillEvent::decode(recorded)?.into_iter().for_each(|event| till.evolve(&event));
        Ok(())
    });

    assert_eq!(folded.await.unwrap().state, ALL);
}

#[tokio::test]
async fn a_newer_generation_is_refused_and_nothing_is_decided_on_half_a_state() {
    let store = three_generations().await;
    let tills = Repository::<Till, _>::new(store.clone());
    store.append(Append::to(till_1(), [old("money-put", 4, "{}")])).await.unwrap();

    let refused = tills.execute(&1, 1, &Context::new()).await.expect_err("it cannot be read");

    let told = chain(&refused);
    assert!(told.contains("schema version 4 is newer than 3"), "{told}");
    assert_eq!(store.stream_info(&till_1()).await.unwrap().version, Version::NONE.advance(6));
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
