//! Loading: a state is the fold of its events, at every version and time.

use annals_aggregates::{Aggregate, LoadError, Loaded};
use annals_eventstore::{Append, Event, EventStore, MemoryStore, NewEvent, StreamQuery, Version};
use chrono::{DateTime, TimeDelta, Utc};

use crate::jar::{Jar, JarEvent, jar_1, jars};
use crate::scripted_store::ScriptedStore;

/// A history of 25 events, none of which leaves the jar as an earlier one did.
fn history() -> Vec<JarEvent> {
    (1..=25).map(|n| if n % 3 == 0 { JarEvent::Taken(n) } else { JarEvent::Put(n * n) }).collect()
}

fn folded(events: &[JarEvent]) -> Jar {
    let mut jar = Jar::default();
    events.iter().for_each(|event| jar.evolve(event));
    jar
}

async fn given<S: EventStore>(store: &S, events: &[JarEvent]) {
    let encode = |event: &JarEvent| event.encode().expect("a jar's event can be encoded");
    let events: Vec<_> = events.iter().map(encode).collect();
    store.append(Append::to(jar_1(), events)).await.expect("the log takes any version");
}

#[tokio::test]
async fn a_state_is_the_fold_of_its_events_whatever_the_size_of_a_page() {
    let store = MemoryStore::new();
    given(&store, &history()).await;

    for page_events in [0, 1, 2, 5, 24, 25, 26, 1000] {
        let loaded = jars(&store).page_events(page_events).load(&1).await.unwrap();

        assert_eq!(loaded.state, folded(&history()), "pages of {page_events}");
        assert_eq!(loaded.version.get(), 25, "pages of {page_events}");
    }
}

#[tokio::test]
async fn a_long_stream_is_read_in_pages_and_no_event_twice() {
    let store = ScriptedStore::default();
    given(&store, &history()).await;

    jars(&store).page_events(4).load(&1).await.unwrap();

    assert_eq!(store.largest_page(), 4);
    assert_eq!(store.take_events_read(), 25);
}

#[tokio::test]
async fn an_aggregate_nothing_has_happened_to_is_the_default_at_version_0() {
    let loaded = jars(&MemoryStore::new()).load(&1).await.unwrap();

    assert_eq!(loaded, Loaded { state: Jar::default(), version: Version::NONE });
}

#[tokio::test]
async fn each_version_can_be_loaded_as_it_was_and_nothing_behind_it_is_read() {
    let store = ScriptedStore::default();
    given(&store, &history()).await;

    for page_events in [1, 7, 1000] {
        for events in 0..=25 {
            let version = Version::NONE.advance(events as u64);
            store.take_events_read();

            let loaded = jars(&store).page_events(page_events).load_at(&1, version).await.unwrap();

            assert_eq!(loaded, Loaded { state: folded(&history()[..events]), version });
            assert_eq!(store.take_events_read(), events);
        }
    }
}

#[tokio::test]
async fn a_version_the_stream_has_not_come_to_is_an_error_that_names_both() {
    let store = MemoryStore::new();
    let missing = jars(&store).load_at(&1, Version::FIRST).await.expect_err("there is no stream");
    assert_eq!(missing.to_string(), "stream jar-1 is at version 0 and has not come to 1");

    given(&store, &history()).await;
    for page_events in [5, 26] {
        let version = Version::NONE.advance(26);
        let short = jars(&store).page_events(page_events).load_at(&1, version).await;
        assert!(matches!(
            short.expect_err("there are 25"),
            LoadError::VersionNotReached { wanted, actual, .. } if wanted == version && actual.get() == 25
        ));
    }
}

#[tokio::test]
async fn a_time_shows_what_was_recorded_up_to_it() {
    let store = MemoryStore::new();
    for event in &history()[..3] {
        let before = Utc::now();
        // Two events of one tick of the clock could not be told apart below.
        while Utc::now() <= before {
            tokio::task::yield_now().await;
        }
        given(&store, std::slice::from_ref(event)).await;
    }
    let recorded = store.read_stream(&jar_1(), StreamQuery::forward()).await.unwrap();
    let jars = jars(&store).page_events(1);
    let version_at = async |time: DateTime<Utc>| jars.load_at_time(&1, time).await.unwrap().version.get();

    for (index, event) in recorded.iter().enumerate() {
        let version = event.version.get();
        assert_eq!(version_at(event.recorded_at).await, version);
        assert_eq!(version_at(event.recorded_at - TimeDelta::nanoseconds(1)).await, version - 1);
        let loaded = jars.load_at_time(&1, event.recorded_at).await.unwrap();
        assert_eq!(loaded.state, folded(&history()[..=index]));
    }
    assert_eq!(version_at(DateTime::<Utc>::MAX_UTC).await, 3);
}

#[tokio::test]
async fn an_event_that_is_none_of_the_aggregates_stops_the_load_and_is_named() {
    let store = MemoryStore::new();
    given(&store, &history()).await;
    let stranger = NewEvent::new("coins-stolen", &7).unwrap();
    store.append(Append::to(jar_1(), [stranger])).await.unwrap();

    for page_events in [1, 1000] {
        let jars = jars(&store).page_events(page_events);
        let fault = jars.load(&1).await.expect_err("it cannot be decoded");
        assert_eq!(fault.to_string(), "event 26 of jar-1, \"coins-stolen\", cannot be read");
        assert!(!fault.is_transient());
        assert!(jars.load_at(&1, Version::NONE.advance(25)).await.is_ok(), "it stands behind version 25");
    }
}
