//! The order of the log while many write: whole appends, their own order, and rising versions.

use std::collections::{HashMap, HashSet};

use tokio::task::JoinSet;

use crate::append::Append;
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq};
use crate::conformance::follower::Follower;
use crate::conformance::given::{append, ids_of, stream, versions_of, whole_stream, within};
use crate::conformance::harness::StoreHarness;
use crate::conformance::order::ensure_log_order;
use crate::event::RecordedEvent;
use crate::event_id::EventId;
use crate::position::GlobalPosition;
use crate::store::EventStore;

const WRITERS: usize = 4;
const APPENDS_OF_EACH: usize = 25;
const EVENTS_OF_EACH: usize = 5;

/// A page as a follower got it, and what the streams of its events held right after.
struct Page {
    delivered: HashSet<EventId>,
    stored: HashSet<EventId>,
}

impl Page {
    async fn of<S: EventStore>(store: &S, events: &[RecordedEvent]) -> CaseResult<Self> {
        let streams: HashSet<_> = events.iter().map(|event| &event.stream).collect();
        let mut stored = HashSet::new();
        for stream in streams {
            stored.extend(whole_stream(store, stream).await?.iter().map(|event| event.id));
        }
        Ok(Self { delivered: events.iter().map(|event| event.id).collect(), stored })
    }
}

/// What a follower saw of a number of writers, and what they wrote.
struct Followed<S> {
    follower: Follower<S>,
    pages: Vec<Page>,
    written: Vec<Append>,
}

/// Lets writers append to a stream each says, while a follower reads along from the first event to the last.
async fn follow_writers<S: EventStore>(
    store: &S,
    stream_of: impl Fn(usize) -> String,
) -> CaseResult<Followed<S>> {
    let mut written = Vec::new();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let appends: Vec<_> =
            (0..APPENDS_OF_EACH).map(|_| append(&stream_of(writer), EVENTS_OF_EACH)).collect();
        written.extend(appends.iter().cloned());
        let store = store.clone();
        writers.spawn(async move {
            let mut end = GlobalPosition::START;
            for append in appends {
                end = store.append(append).await?.to_position.max(end);
            }
            Ok::<_, CaseFailure>(end)
        });
    }

    let mut follower = Follower::of(store.clone()).page_events(100_000);
    let mut pages = Vec::new();
    let following = async {
        // Reading does not stop before the writers did: pages meet appends at every step.
        let mut end = GlobalPosition::START;
        while !writers.is_empty() || follower.cursor() < end {
            let page = follower.page().await?;
            pages.push(Page::of(store, &page).await?);
            while let Some(ended) = writers.try_join_next() {
                end = ended??.max(end);
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    within(following, "a follower reaches the last event of the writers").await?;
    Ok(Followed { follower, pages, written })
}

/// 38: every event is delivered, and none twice, to a follower that reads while others write.
pub async fn every_event_is_delivered_once<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();

    let followed = follow_writers(&store, |writer| format!("thing-{writer}")).await?;

    let mut delivered = HashSet::new();
    for event in &followed.follower.seen {
        ensure!(delivered.insert(event.id), "event {} was delivered twice", event.id);
    }
    let written: HashSet<_> = followed.written.iter().flat_map(|append| ids_of(&append.events)).collect();
    let missed = written.difference(&delivered).count();
    ensure_eq!(missed, 0, "events that were never delivered, of {}", written.len());
    ensure_eq!(delivered.len(), written.len(), "events delivered");
    Ok(())
}

/// 38: nothing of an append is delivered before all of it is stored. A page may end inside of one – others'
/// positions can lie among its own – but the rest is there for good when the first of it is seen.
pub async fn no_event_is_delivered_before_its_whole_append_is_stored<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();

    let followed = follow_writers(&store, |writer| format!("thing-{writer}")).await?;

    for append in &followed.written {
        let ids = ids_of(&append.events);
        let first = followed.pages.iter().find(|page| ids.iter().any(|id| page.delivered.contains(id)));
        let Some(page) = first else {
            return Err(CaseFailure::new(format!("an append to {} was never delivered", append.stream)));
        };
        let missing = ids.iter().filter(|id| !page.stored.contains(id)).count();
        ensure_eq!(missing, 0, "events not yet stored of an append to {} that was seen", append.stream);
    }
    Ok(())
}

/// 39: events of one append keep their order in the log, whoever else writes.
pub async fn events_of_one_append_keep_their_order<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();

    let followed = follow_writers(&store, |writer| format!("thing-{}", writer % 2)).await?;

    let seen = &followed.follower.seen;
    let place_of: HashMap<_, _> = seen.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
    for append in &followed.written {
        let places: Vec<_> = ids_of(&append.events).iter().map(|id| place_of.get(id)).collect();
        ensure!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "events of one append to {} stand at {places:?} of the log",
            append.stream
        );
    }
    Ok(())
}

/// 40: in the order of the log the versions of every stream are 1, 2, 3, …, however many write to it.
pub async fn versions_rise_in_the_order_of_the_log<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();

    let followed = follow_writers(&store, |writer| format!("hot-{}", writer % 2)).await?;

    let seen = &followed.follower.seen;
    ensure_log_order(seen)?;
    for name in ["hot-0", "hot-1"] {
        let of_stream: Vec<_> = seen.iter().filter(|event| event.stream == stream(name)).cloned().collect();
        let dense: Vec<_> = (1..=i64::try_from(WRITERS / 2 * APPENDS_OF_EACH * EVENTS_OF_EACH)?).collect();
        ensure_eq!(versions_of(&of_stream), dense, "versions of {name} in the order of the log");
    }
    Ok(())
}
