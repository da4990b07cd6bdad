//! Reading a stream: ranges, directions, pages, and streams that do not exist.

use crate::conformance::failure::{CaseResult, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, stream, versions_of, whole_stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::event::RecordedEvent;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError, StreamQuery};
use crate::store::EventStore;
use crate::version::Version;

/// 23: reading a stream that does not exist is an error that names it, whatever is asked for.
pub async fn a_missing_stream_is_an_error_that_names_it<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    store.append(append("thing-1", 1)).await?;

    for name in ["thing-2", "thing", "thing-1 x", "Thing-1", "thing-_"] {
        for query in [StreamQuery::forward(), StreamQuery::backward(), StreamQuery::forward().limit(0)] {
            let missing = store.read_stream(&stream(name), query).await;
            let told = ensure_matches!(missing, Err(ReadError::StreamNotFound(told)) => told, "{query:?}");
            ensure_eq!(told, stream(name), "the stream that is named");
        }
    }
    Ok(())
}

/// 23: in SQL a stream that does not exist has no rows.
pub async fn a_missing_stream_has_no_rows_in_sql<H: SqlHarness>(harness: &H) -> CaseResult {
    harness.store().append(append("thing-1", 2)).await?;
    let client = harness.connect().await?;
    let read_stream = format!("select version from {}.read_stream($1)", harness.schema());

    let missing = client.query(&read_stream, &[&"thing-2"]).await?;
    let there = client.query(&read_stream, &[&"thing-1"]).await?;

    ensure_eq!(missing.len(), 0, "rows of a missing stream");
    let versions: Vec<i64> = there.iter().map(|row| row.get(0)).collect();
    ensure_eq!(versions, [1, 2], "versions of the stream beside it");
    Ok(())
}

/// 24: a stream reads forward and backward, from any version, up to any limit, and past its end.
pub async fn a_stream_reads_both_ways_from_any_version<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    for name in ["thing-1", "thing-2"] {
        store.append(append(name, 3)).await?;
    }
    store.append(append("thing-1", 2)).await?;

    let v = |version: i64| Version::try_from(version).unwrap_or(Version::NONE);
    let (forward, backward) = (StreamQuery::forward(), StreamQuery::backward());
    let promised: [(StreamQuery, &[i64]); 19] = [
        (forward, &[1, 2, 3, 4, 5]),
        (forward.from(v(0)), &[1, 2, 3, 4, 5]),
        (forward.from(v(1)), &[1, 2, 3, 4, 5]),
        (forward.from(v(4)), &[4, 5]),
        (forward.from(v(5)), &[5]),
        (forward.from(v(6)), &[]),
        (forward.from(Version::MAX), &[]),
        (forward.limit(0), &[]),
        (forward.limit(1), &[1]),
        (forward.from(v(2)).limit(3), &[2, 3, 4]),
        (forward.from(v(4)).limit(usize::MAX), &[4, 5]),
        (backward, &[5, 4, 3, 2, 1]),
        (backward.from(v(9)), &[5, 4, 3, 2, 1]),
        (backward.from(v(3)), &[3, 2, 1]),
        (backward.from(v(1)), &[1]),
        (backward.from(v(0)), &[]),
        (backward.limit(0), &[]),
        (backward.from(v(4)).limit(2), &[4, 3]),
        (backward.limit(usize::MAX), &[5, 4, 3, 2, 1]),
    ];
    for (query, versions) in promised {
        let page = store.read_stream(&stream("thing-1"), query).await?;
        ensure_eq!(versions_of(&page), versions, "versions for {query:?}");
    }
    Ok(())
}

/// 24: the tail of a stream holds what stands behind a version, page by page, and tells how far the stream is,
/// also where nothing is new.
pub async fn a_tail_holds_what_is_new_and_tells_how_far_the_stream_is<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    for name in ["thing-1", "thing-2"] {
        store.append(append(name, 5)).await?;
    }
    let whole = whole_stream(&store, &stream("thing-1")).await?;

    for after in 0..=6_usize {
        for limit in [0, 1, 3, 1_000] {
            let told = format!("{limit} behind {after}");
            let tail =
                store.read_tail(&stream("thing-1"), Version::NONE.advance(after as u64), limit).await?;
            let promised: Vec<_> = whole.iter().skip(after).take(limit).cloned().collect();
            ensure_eq!(tail.events, promised, "{told}: events");
            ensure_eq!(tail.first_version, Version::FIRST, "{told}: first version");
            ensure_eq!(tail.version.get(), 5, "{told}: version of the stream");
        }
    }
    let missing = store.read_tail(&stream("thing-3"), Version::NONE, 1_000).await;
    ensure_matches!(missing, Err(ReadError::StreamNotFound(_)), "the tail of a missing stream");
    Ok(())
}

/// 25: a stream read in pages of 1, 2, 7 or many events, either way, is the same stream.
pub async fn every_page_size_reads_the_same_stream<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let name = stream("thing-1");
    for events in [1, 20, 4] {
        store.append(append("thing-1", events)).await?;
        store.append(append("thing-2", 2)).await?;
    }
    let whole = whole_stream(&store, &name).await?;
    ensure_eq!(whole.len(), 25, "events in the stream");

    for limit in [1, 2, 7, 25, 26] {
        let mut forward: Vec<RecordedEvent> = Vec::new();
        loop {
            let from = forward.last().map_or(Version::FIRST, |event| event.version.next());
            let page = store.read_stream(&name, StreamQuery::forward().from(from).limit(limit)).await?;
            if page.is_empty() {
                break;
            }
            forward.extend(page);
        }
        ensure_eq!(forward, whole, "stream in pages of {limit}");

        let mut backward: Vec<RecordedEvent> = Vec::new();
        while backward.last().is_none_or(|event| event.version > Version::FIRST) {
            let from = backward.last().map_or(25, |event| event.version.get() - 1);
            let query = StreamQuery::backward().from(Version::try_from(from)?).limit(limit);
            let page = store.read_stream(&name, query).await?;
            ensure_eq!(page.is_empty(), false, "emptiness of the page back from {from}");
            backward.extend(page);
        }
        backward.reverse();
        ensure_eq!(backward, whole, "stream backwards in pages of {limit}");
    }
    Ok(())
}

/// 30: the last event of a stream, and of the log, is the first one read backward.
pub async fn the_last_event_is_the_first_one_backward<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let last_of_thing = store.append(append("thing-1", 3)).await?;
    let last = store.append(append("thing-2", 2)).await?;
    let log = log_up_to(&store, last.to_position).await?;

    let of_thing = store.read_stream(&stream("thing-1"), StreamQuery::backward().limit(1)).await?;
    let of_log = store.read_log(LogQuery::before(GlobalPosition::END).limit(1)).await?;

    ensure_eq!(of_thing, log[2..3], "last event of the stream");
    ensure_eq!(of_thing[0].position, last_of_thing.to_position, "its position");
    ensure_eq!(of_log.events, log[4..5], "last event of the log");
    Ok(())
}
