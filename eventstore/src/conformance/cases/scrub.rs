//! Scrubbing: what leaves the log, what stays, and who notices.

use crate::append::{AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, Cancellation};
use crate::conformance::cases::deletion::{at, of};
use crate::conformance::failure::{CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::{Follower, log_up_to};
use crate::conformance::given::{append, counted_to, recorded_ids_of, stream, versions_of, whole_stream};
use crate::conformance::harness::StoreHarness;
use crate::deletion::{Scrub, ScrubError, Scrubbed};
use crate::event::RecordedEvent;
use crate::filter::EventFilter;
use crate::idempotency::IdempotencyKey;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError, StreamQuery};
use crate::retention::StreamRetention;
use crate::store::EventStore;
use crate::tailer::{StartAt, Tailer, TailerOptions};
use crate::version::ExpectedVersion;

fn scrub_of(name: &str) -> Scrub {
    Scrub::of(stream(name)).because("a test")
}

/// The events of a log without some.
fn without(log: &[RecordedEvent], gone: impl Fn(&RecordedEvent) -> bool) -> Vec<RecordedEvent> {
    log.iter().filter(|event| !gone(event)).cloned().collect()
}

/// 28: a scrub takes the events that a stream no longer shows out of the log, and nothing else: not what it shows,
/// no other stream, no position, no version.
pub async fn a_scrub_removes_what_is_not_shown_and_nothing_else<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    for _ in 0..3 {
        for name in ["begun-again-1", "deleted-1", "shown-1", "tombstoned-1", "truncated-1"] {
            store.append(append(name, 2)).await?;
        }
    }
    let mut end = store.append(append("deleted-1", 1)).await?.to_position;
    operator.delete_stream(of("deleted-1")).await?;
    operator.tombstone_stream(of("tombstoned-1")).await?;
    operator.truncate_stream(of("truncated-1"), at(4)).await?;
    operator.delete_stream(of("begun-again-1")).await?;
    end = end.max(store.append(append("begun-again-1", 1)).await?.to_position);
    let mut log = log_up_to(&store, end).await?;
    let head = store.read_log(LogQuery::after(end)).await?.head;

    for (name, first_left, removed) in
        [("deleted-1", 8, 7), ("tombstoned-1", 7, 6), ("truncated-1", 4, 3), ("begun-again-1", 7, 6)]
    {
        let scrubbed = operator.scrub_stream(scrub_of(name)).await?;
        let done = Scrubbed { events_removed: removed, keys_removed: 0, is_done: true };
        ensure_eq!(scrubbed, done, "what was removed of {name}");
        log = without(&log, |event| event.stream.as_str() == name && event.version < at(first_left));
        ensure_eq!(log_up_to(&store, end).await?, log, "the log after scrubbing {name}");
        let again = operator.scrub_stream(scrub_of(name)).await?;
        ensure_eq!(again, Scrubbed { events_removed: 0, ..done }, "what is removed of {name} once more");
    }
    ensure_eq!(store.read_log(LogQuery::after(end)).await?.head, head, "the head");
    ensure_eq!(whole_stream(&store, &stream("shown-1")).await?.len(), 6, "events of the other stream");
    ensure_eq!(versions_of(&whole_stream(&store, &stream("truncated-1")).await?), [4, 5, 6], "truncated-1");
    ensure_eq!(versions_of(&whole_stream(&store, &stream("begun-again-1")).await?), [7], "begun-again-1");
    let read = store.read_stream(&stream("tombstoned-1"), StreamQuery::forward()).await;
    ensure_matches!(read, Err(ReadError::StreamDeleted(_)), "reading tombstoned-1");
    let refused = store.append(append("tombstoned-1", 1)).await;
    ensure_matches!(refused, Err(AppendError::StreamTombstoned(_)), "appending to tombstoned-1");
    for (name, next) in [("deleted-1", 8), ("truncated-1", 7), ("begun-again-1", 8)] {
        let appended = store.append(append(name, 1)).await?;
        ensure_eq!(appended.from_version, at(next), "the next version of {name}");
        ensure!(appended.from_position > end, "position {} was used before", appended.from_position);
    }
    Ok(())
}

/// 28: a stream that shows all its events is not scrubbed, nor is one that never was.
pub async fn a_stream_that_shows_all_its_events_is_not_scrubbed<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let end = store.append(append("thing-1", 3)).await?.to_position;
    operator.truncate_stream(of("thing-1"), at(1)).await?;

    let refused = operator.scrub_stream(scrub_of("thing-1")).await;
    ensure_matches!(refused, Err(ScrubError::NotDeleted(_)), "a stream that shows all its events");
    let refused = operator.scrub_stream(scrub_of("missing-1")).await;
    ensure_matches!(refused, Err(ScrubError::StreamNotFound(_)), "a missing stream");
    let refused = operator.scrub_batch(&scrub_of("thing-1").in_batches_of(0)).await;
    ensure_matches!(refused, Err(ScrubError::Malformed(_)), "a batch of nothing");
    ensure_eq!(log_up_to(&store, end).await?.len(), 3, "events in the log");
    Ok(())
}

/// 28: a scrub goes in batches, from the first version on, and may be left off and gone on with; meanwhile the
/// stream may begin again, and be truncated further.
pub async fn a_scrub_goes_in_batches_and_on_where_it_stopped<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let end = store.append(append("thing-1", 10)).await?.to_position;
    operator.truncate_stream(of("thing-1"), at(6)).await?;
    let batch = scrub_of("thing-1").in_batches_of(4);

    let first = operator.scrub_batch(&batch).await?;
    ensure_eq!((first.events_removed, first.is_done), (4, false), "the first batch");
    ensure_eq!(versions_of(&log_up_to(&store, end).await?), [5, 6, 7, 8, 9, 10], "versions left in the log");
    operator.delete_stream(of("thing-1")).await?;
    let again = store.append(append("thing-1", 1)).await?;
    ensure_eq!(again.from_version, at(11), "version of the stream that began again");

    let rest = operator.scrub_stream(batch).await?;
    ensure_eq!((rest.events_removed, rest.is_done), (6, true), "the other batches");
    ensure_eq!(versions_of(&log_up_to(&store, again.to_position).await?), [11], "versions left in the log");
    Ok(())
}

/// 28: keys answer as before after a deletion, a truncation or a tombstone, and until the last of their events is
/// scrubbed; then they are free.
pub async fn a_key_answers_until_its_events_are_scrubbed<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let keyed = |name: &str, events, key: &str| append(name, events).with_key(key);
    let mut known = Vec::new();
    for (name, key) in [("gone-1", "one"), ("gone-1", "two"), ("cut-1", "three"), ("cut-1", "four")] {
        let request = keyed(name, 2, key);
        known.push((request.clone(), store.append(request).await?));
    }
    let closed = keyed("closed-1", 2, "five");
    known.push((closed.clone(), store.append(closed).await?));

    operator.delete_stream(of("gone-1")).await?;
    operator.truncate_stream(of("cut-1"), at(4)).await?;
    operator.tombstone_stream(of("closed-1")).await?;
    for (request, first) in &known {
        let again = store.append(request.clone()).await?;
        let told = format!("{:?} after the deletion", request.key);
        ensure_eq!(again, Appended { already_applied: true, ..*first }, "{told}");
    }

    let scrubbed = operator.scrub_stream(scrub_of("gone-1")).await?;
    ensure_eq!(scrubbed.keys_removed, 2, "keys of gone-1");
    let scrubbed = operator.scrub_stream(scrub_of("cut-1")).await?;
    ensure_eq!((scrubbed.events_removed, scrubbed.keys_removed), (3, 1), "events and keys of cut-1");
    operator.scrub_stream(scrub_of("closed-1")).await?;
    for key in ["one", "two", "three", "five"].map(IdempotencyKey::from) {
        ensure_eq!(
            store.find_append(key, None).await?,
            None,
            "the receipt under a key whose events are gone"
        );
    }
    // Half of what came under this key is left, and so is the key: it must not be stored twice.
    let (request, first) = &known[3];
    let left = Appended { already_applied: true, from_position: first.to_position, ..*first };
    ensure_eq!(store.append(request.clone()).await?, left, "the receipt of what is left");
    ensure_eq!(
        store.find_append("four".into(), None).await?,
        Some(left),
        "the receipt of what is left, found"
    );

    let (request, _) = &known[0];
    let anew = store.append(request.clone()).await?;
    ensure_eq!((anew.from_version, anew.already_applied), (at(5), false), "an append under a free key");
    ensure_eq!(store.cancel_key("two".into()).await?, Cancellation::Cancelled, "a free key");
    Ok(())
}

/// 28: a key that brought events into several streams answers for those that are left, and is free with the last.
pub async fn a_key_of_several_streams_answers_for_those_that_are_left<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let names = ["thing-1", "thing-2"];
    let both = AppendMany::new()
        .append(stream("thing-1"), ExpectedVersion::Any, counted_to(2))
        .append(stream("thing-2"), ExpectedVersion::Any, counted_to(1))
        .with_key("both");
    let first = store.append_many(both.clone()).await?;
    for name in names {
        operator.delete_stream(of(name)).await?;
    }
    let repeated = |streams: &[usize]| {
        let mut left = AppendedMany { already_applied: true, streams: Vec::new() };
        left.streams.extend(streams.iter().map(|&index| first.streams[index].clone()));
        left.streams.iter_mut().for_each(|part| part.appended.already_applied = true);
        left
    };
    ensure_eq!(store.append_many(both.clone()).await?, repeated(&[0, 1]), "the receipts after the deletion");

    operator.scrub_stream(scrub_of("thing-1")).await?;
    ensure_eq!(store.append_many(both.clone()).await?, repeated(&[1]), "the receipts after one was scrubbed");
    let kept = store.cancel_key("both".into()).await?;
    ensure_eq!(kept, Cancellation::Applied(repeated(&[1])), "the key after one was scrubbed");
    operator.scrub_stream(scrub_of("thing-2")).await?;
    let anew = store.append_many(both).await?;
    ensure!(!anew.already_applied, "the key answers although nothing is left");
    ensure_eq!(anew.streams[0].appended.from_version, at(3), "the version of an append under the free key");
    Ok(())
}

/// 26: holes wider than a page, made by scrubs, stop no reader, paging or subscribed, and settle.
pub async fn scrubbed_stretches_wider_than_a_page_do_not_stop_a_reader<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    let mut promised = Vec::new();
    for round in 0..3 {
        store.append(append("gone-1", 40)).await?;
        let kept = store.append(append(&format!("kept-{round}"), 2)).await?;
        promised.extend([kept.from_position, kept.to_position]);
    }
    store.append(append("gone-1", 40)).await?;
    let end = store.append(append("last-1", 1)).await?.to_position;
    operator.delete_stream(of("gone-1")).await?;
    let scrubbed = operator.scrub_stream(scrub_of("gone-1").in_batches_of(7)).await?;
    ensure_eq!(scrubbed.events_removed, 160, "events removed");

    let mut forward = promised.clone();
    forward.push(end);
    for page_events in [1, 3, 100] {
        let mut follower = Follower::of(store.clone()).page_events(page_events);
        follower.reach(end).await?;
        let seen: Vec<_> = follower.seen.iter().map(|event| event.position).collect();
        ensure_eq!(seen, forward, "positions read in pages of {page_events}");
        let tailer = Tailer::with_options(store.clone(), TailerOptions { page_events, ..Default::default() });
        let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
        let mut seen = Vec::new();
        while subscription.position() < end {
            seen.extend(subscription.next().await?.events().map(|event| event.position));
        }
        ensure_eq!(seen, forward, "positions of a subscription in pages of {page_events}");
    }
    let mut before = end;
    let mut backward: Vec<GlobalPosition> = Vec::new();
    loop {
        let page = store.read_log(LogQuery::before(before).limit(1)).await?;
        let Some(event) = page.events.first() else { break };
        before = event.position;
        backward.insert(0, before);
    }
    ensure_eq!(backward, promised, "positions read backward");
    Ok(())
}

/// 62: a stream that is deleted, scrubbed and begun again while it is subscribed to stops nobody: every event
/// that is left comes once and in order, and so does what comes after.
pub async fn a_stream_deleted_during_a_subscription_stops_nobody<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    for _ in 0..5 {
        store.append(append("gone-1", 2)).await?;
        store.append(append("kept-1", 1)).await?;
    }
    let options = TailerOptions { page_events: 2, ..Default::default() };
    let tailer = Tailer::with_options(store.clone(), options);
    let filter = EventFilter::all().streams([stream("gone-1")]);
    let mut all = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    let mut one = tailer.subscribe(StartAt::Origin, filter).await?;
    let mut seen = recorded_ids_of(&all.next().await?.events().cloned().collect::<Vec<_>>());
    let seen_of_one = recorded_ids_of(&one.next().await?.events().cloned().collect::<Vec<_>>());
    let before = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events;

    operator.delete_stream(of("gone-1")).await?;
    let mut left = Vec::new();
    for round in 0..3 {
        operator.scrub_batch(&scrub_of("gone-1").in_batches_of(4)).await?;
        let name = if round == 1 { "gone-1" } else { "kept-1" };
        let end = store.append(append(name, 1)).await?.to_position;
        while all.position() < end {
            left.extend(all.next().await?.events().cloned());
        }
        while one.position() < end {
            one.next().await?;
        }
    }
    seen.extend(recorded_ids_of(&left));

    let kept: Vec<_> = before.iter().filter(|event| event.stream.as_str() == "kept-1").collect();
    ensure!(kept.iter().all(|event| seen.contains(&event.id)), "an event of the other stream was skipped");
    let again = whole_stream(&store, &stream("gone-1")).await?;
    ensure_eq!(versions_of(&again), [11], "versions of the stream that began again");
    ensure!(seen.contains(&again[0].id), "the event of the stream that began again was skipped");
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    ensure_eq!(once.len(), seen.len(), "events that came once");
    ensure!(left.windows(2).all(|pair| pair[0].position < pair[1].position), "events came out of order");
    ensure!(!seen_of_one.is_empty(), "the subscription to the stream saw nothing of it");
    Ok(())
}
