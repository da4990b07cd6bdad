//! Appending: versions, sizes, and all or nothing.

use serde_json::{Map, Value};

use crate::append::{Append, AppendError};
use crate::conformance::failure::{CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, counted, stream, versions_of, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::conformance::order::{ensure_log_order, ensure_receipt};
use crate::event::{EventType, NewEvent};
use crate::metadata::Metadata;
use crate::payload::Payload;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError, StreamQuery};
use crate::store::EventStore;
use crate::version::{ExpectedVersion, Version};

/// 1: the first event of a stream has version 1 and a position behind the start.
pub async fn the_first_event_of_a_new_stream_has_version_one<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let request = append("thing-1", 1);

    let appended = store.append(request.clone()).await?;

    ensure_eq!(appended.from_version, Version::FIRST, "first version");
    ensure_eq!(appended.to_version, Version::FIRST, "last version");
    ensure!(appended.from_position > GlobalPosition::START, "the first event stands at the very start");
    ensure!(!appended.already_applied, "a first append says that it was applied before");
    ensure_receipt(&store, &request.stream, &appended, &request.events).await
}

/// 2: events of one append get consecutive versions, in the order given.
pub async fn events_of_one_append_get_consecutive_versions<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let request = append("thing-1", 7);

    let appended = store.append(request.clone()).await?;

    ensure_eq!((appended.from_version.get(), appended.to_version.get()), (1, 7), "versions of the receipt");
    ensure_receipt(&store, &request.stream, &appended, &request.events).await
}

/// 3: each append goes on where the one before it ended.
pub async fn separate_appends_continue_the_versions<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();

    let mut version = Version::NONE;
    for events in [1, 3, 2] {
        let request = append("thing-1", events).expecting(version);
        let appended = store.append(request.clone()).await?;
        ensure_eq!(appended.from_version, version.next(), "first version of the next append");
        ensure_receipt(&store, &request.stream, &appended, &request.events).await?;
        version = appended.to_version;
    }

    let stored = whole_stream(&store, &stream("thing-1")).await?;
    ensure_eq!(versions_of(&stored), [1, 2, 3, 4, 5, 6], "versions of the stream");
    Ok(())
}

/// 4: streams written in turn keep a count each, and the log keeps the turns.
pub async fn streams_written_in_turn_count_their_own_versions<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let turns = ["thing-1", "thing-2", "thing-1", "other-1", "thing-2", "thing-1"];

    let mut end = GlobalPosition::START;
    for name in turns {
        end = store.append(append(name, 1)).await?.to_position;
    }

    let log = log_up_to(&store, end).await?;
    ensure_log_order(&log)?;
    let order: Vec<_> = log.iter().map(|event| event.stream.as_str()).collect();
    ensure_eq!(order, turns, "streams in the order of the log");
    ensure_eq!(versions_of(&log), [1, 1, 2, 1, 2, 3], "versions in the order of the log");
    Ok(())
}

/// 11: an append without events touches nothing: no stream, no position, no version check, no key.
pub async fn an_append_without_events_does_nothing<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 1)).await?;
    let before = store.read_log(LogQuery::after(GlobalPosition::START)).await?;

    let wrong = Version::NONE.advance(9);
    for expected in [
        ExpectedVersion::Any,
        ExpectedVersion::NoStream,
        ExpectedVersion::StreamExists,
        ExpectedVersion::Exact(wrong),
    ] {
        for name in ["thing-1", "thing-2"] {
            let nothing = Append::to(stream(name), []).expecting(expected).with_key("empty");
            let appended = store.append(nothing).await?;
            ensure!(appended.is_empty(), "{expected} on {name}: receipt of nothing is {appended:?}");
            ensure!(!appended.already_applied, "{expected} on {name}: nothing was applied before");
        }
    }

    let after = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
    ensure_eq!(after.events, before.events, "the log");
    let missing = store.stream_info(&stream("thing-2")).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "a stream that got no events");
    let under_the_key = store.append(append("thing-2", 1).with_key("empty")).await?;
    ensure!(!under_the_key.already_applied, "the empty append used up the key");
    Ok(())
}

/// 12: the same event id twice in one append is refused, and nothing of it is stored.
pub async fn the_same_event_id_twice_in_one_append_is_refused<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let twice = counted(1);
    let events = [twice.clone(), counted(2), counted(3).with_id(twice.id)];

    let refused = store.append(Append::to(stream("thing-1"), events)).await;

    let id = ensure_matches!(refused, Err(AppendError::DuplicateEventId(id)) => id, "the append");
    ensure_eq!(id, twice.id, "the id that is named");
    let missing = store.read_stream(&stream("thing-1"), StreamQuery::forward()).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the stream afterwards");
    Ok(())
}

/// 14: where one event is refused, none of its append is stored, and the versions go on without a gap.
pub async fn one_refused_event_refuses_the_whole_append<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 2)).await?;
    let unreadable = Metadata {
        headers: Map::from_iter([("note".to_owned(), Value::from("a\0b"))]),
        ..Metadata::default()
    };
    let events = [counted(1), counted(2).with_metadata(unreadable), counted(3)];

    let refused = store.append(Append::to(stream("thing-1"), events).with_key("refused")).await;

    let index =
        ensure_matches!(refused, Err(AppendError::InvalidPayload { index, .. }) => index, "the append");
    ensure_eq!(index, 1, "index of the event that is named");
    let next = store.append(append("thing-1", 1).with_key("refused")).await?;
    ensure!(!next.already_applied, "the refused append used up its key");
    ensure_eq!(next.from_version.get(), 3, "version of the next event");
    ensure_eq!(whole_stream(&store, &stream("thing-1")).await?.len(), 3, "events in the stream");
    Ok(())
}

/// 15: one append takes more than 1 000 events, and more than 65 535, which is the most parameters a
/// PostgreSQL statement has.
pub async fn an_append_of_any_size_is_stored_whole<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let event_type = EventType::new("counted")?;
    let data = Payload::from_json("{}")?;

    let mut end = GlobalPosition::START;
    for size in [1_001, 65_537] {
        let events = (0..size).map(|_| NewEvent::of(event_type.clone(), data.clone()));
        let request = Append::to(stream(&format!("large-{size}")), events).expecting(Version::NONE);
        let appended = store.append(request.clone()).await?;
        ensure_eq!(appended.to_version.get(), size, "last version of {size} events");
        ensure_receipt(&store, &request.stream, &appended, &request.events).await?;
        end = appended.to_position;
    }

    let log = log_up_to(&store, end).await?;
    ensure_log_order(&log)?;
    ensure_eq!(log.len(), 1_001 + 65_537, "events in the log");
    Ok(())
}
