//! Reading the log: both directions, pages, and holes.

use crate::conformance::failure::{CaseResult, ensure, ensure_eq};
use crate::conformance::follower::{Follower, log_up_to};
use crate::conformance::given::{append, counted_to, stream};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::order::ensure_log_order;
use crate::conformance::transaction::OpenTransaction;
use crate::event::RecordedEvent;
use crate::position::GlobalPosition;
use crate::read::LogQuery;
use crate::store::EventStore;
use crate::subscription::Subscription;

/// Writes 25 events to three streams in turn and reads them back.
async fn written<S: EventStore>(store: &S) -> CaseResult<Vec<RecordedEvent>> {
    let mut end = GlobalPosition::START;
    for (name, events) in [("thing-1", 2), ("other-1", 1), ("thing-1", 15), ("thing-2", 3), ("other-1", 4)] {
        end = store.append(append(name, events)).await?.to_position;
    }
    let log = log_up_to(store, end).await?;
    ensure_log_order(&log)?;
    ensure_eq!(log.len(), 25, "events in the log");
    Ok(log)
}

/// 25: the log read in pages of 1, 2, 7 or many events is the same log, and the end of each page is where
/// the next one begins.
pub async fn every_page_size_reads_the_same_log<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let whole = written(&store).await?;

    for page_events in [1, 2, 7, 25, 26, usize::MAX] {
        let mut follower = Follower::of(store.clone()).page_events(page_events);
        follower.look().await?;
        ensure_eq!(follower.seen, whole, "log in pages of {page_events}");
    }
    Ok(())
}

/// 27: the log reads in the order of its positions, forward and backward, from any position.
pub async fn the_log_reads_both_ways_from_any_position<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let whole = written(&store).await?;

    for (n, event) in whole.iter().enumerate() {
        let behind = store.read_log(LogQuery::after(event.position)).await?;
        ensure_eq!(behind.events, whole[n + 1..], "log after {}", event.position);
        let mut before = store.read_log(LogQuery::before(event.position)).await?;
        before.events.reverse();
        ensure_eq!(before.events, whole[..n], "log before {}, turned round", event.position);
        let nearest = store.read_log(LogQuery::before(event.position).limit(3)).await?;
        let promised: Vec<_> = whole[..n].iter().rev().take(3).cloned().collect();
        ensure_eq!(nearest.events, promised, "last three before {}", event.position);
    }
    Ok(())
}

/// 27: past either end of the log there is nothing; a page never claims more than it has seen, and never
/// less than it was asked from.
pub async fn past_the_ends_of_the_log_there_is_nothing<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let (start, end) = (GlobalPosition::START, GlobalPosition::END);
    let empty = store.read_log(LogQuery::after(start)).await?;
    ensure!(empty.events.is_empty(), "the empty log has events");
    ensure!(empty.settled_to <= empty.head, "the empty log is settled beyond its head");

    let whole = written(&store).await?;
    let last = whole[24].position;

    let none = store.read_log(LogQuery::after(start).limit(0)).await?;
    ensure_eq!((none.events.len(), none.settled_to), (0, start), "page of no events");
    ensure!(none.head >= last, "head {} lies before the last event {last}", none.head);
    let behind = store.read_log(LogQuery::after(last)).await?;
    ensure_eq!(behind.events, [], "events behind the last");
    ensure!(behind.settled_to >= last, "page after {last} is settled to {}", behind.settled_to);
    let beyond = store.read_log(LogQuery::after(end)).await?;
    ensure_eq!((beyond.events.len(), beyond.settled_to), (0, end), "page after the very end");
    let before = store.read_log(LogQuery::before(start)).await?;
    ensure_eq!(before.events, [], "events before the start");
    let none = store.read_log(LogQuery::before(end).limit(0)).await?;
    ensure_eq!(none.events, [], "no events before the end");
    Ok(())
}

/// Draws positions that are never filled.
async fn roll_back<H: SqlHarness>(harness: &H, events: usize) -> CaseResult {
    let transaction = OpenTransaction::begin(harness).await?;
    transaction.append(&stream("gone-1"), &counted_to(events)).await?;
    transaction.rollback().await
}

/// 26: holes in the positions that are wider than a page do not stop a reader, at the start of the log, in
/// its middle, and at its end, forward or backward.
pub async fn holes_wider_than_a_page_do_not_stop_a_reader<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    roll_back(harness, 50).await?;
    store.append(append("thing-1", 3)).await?;
    roll_back(harness, 50).await?;
    let last = store.append(append("thing-1", 3)).await?.to_position;
    roll_back(harness, 50).await?;

    let whole = log_up_to(&store, last).await?;
    ensure_log_order(&whole)?;
    ensure_eq!(whole.len(), 6, "events in the log");
    for page_events in [1, 2, 5] {
        let mut follower = Follower::of(store.clone()).page_events(page_events);
        follower.look().await?;
        ensure_eq!(follower.seen, whole, "log in pages of {page_events}");

        let mut subscription =
            Subscription::after(store.clone(), GlobalPosition::START).page_events(page_events);
        let mut subscribed = Vec::new();
        while subscription.position() < last {
            subscribed.extend(subscription.next().await?.log.events);
        }
        ensure_eq!(subscribed, whole, "subscription with pages of {page_events}");

        let mut backward: Vec<RecordedEvent> = Vec::new();
        loop {
            let from = backward.last().map_or(GlobalPosition::END, |event| event.position);
            let page = store.read_log(LogQuery::before(from).limit(page_events)).await?.events;
            if page.is_empty() {
                break;
            }
            backward.extend(page);
        }
        backward.reverse();
        ensure_eq!(backward, whole, "log backwards in pages of {page_events}");
    }
    Ok(())
}
