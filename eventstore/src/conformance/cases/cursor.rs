//! Cursors: a log that is not the one that was read is noticed, and one that was only scrubbed is not.

use crate::conformance::cases::deletion::of;
use crate::conformance::failure::{CaseResult, ensure_eq, ensure_matches};
use crate::conformance::given::{append, stream, within};
use crate::conformance::harness::StoreHarness;
use crate::cursor::Cursor;
use crate::deletion::Scrub;
use crate::event_id::EventId;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::read::{LogQuery, ReadError};
use crate::retention::StreamRetention;
use crate::store::EventStore;
use crate::subscription::Subscription;
use crate::tailer::{StartAt, StopReason, Tailer};

/// Where a reader of everything has come that reads no more than so many events at once.
async fn read_up_to<S: EventStore>(store: &S, end: GlobalPosition, page_events: usize) -> CaseResult<Cursor> {
    let mut reader = Subscription::after(store.clone(), GlobalPosition::START).page_events(page_events);
    while reader.position() < end {
        within(async { Ok(reader.next().await?) }, "the next page").await?;
    }
    Ok(reader.cursor())
}

/// 45: who has read another log – an event stood at its cursor that stands there no more, or the log ends before – is
/// told so by a read, by a subscription and by a tailer, and skips nothing.
pub async fn a_reader_of_another_log_is_told_so<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let end = store.append(append("thing-1", 3)).await?.to_position;
    let cursor = read_up_to(&store, end, 2).await?;
    let tailer = Tailer::of(store.clone());

    for stranger in [
        Cursor { event_id: Some(EventId::new()), ..cursor },
        Cursor { position: GlobalPosition::START, ..cursor },
        Cursor { position: GlobalPosition::END, event_id: Some(EventId::new()) },
    ] {
        let read = store.read_log(LogQuery::going_on(stranger)).await;
        ensure_matches!(read, Err(ReadError::Diverged { .. }), "reading on from {stranger:?}");
        let mut subscription = Subscription::resume(store.clone(), stranger);
        let told = within(async { Ok(subscription.next().await) }, "the subscription's end").await?;
        ensure_matches!(told, Err(ReadError::Diverged { .. }), "subscribing at {stranger:?}");
        let mut followed = tailer.subscribe(StartAt::Cursor(stranger), EventFilter::all()).await?;
        let told = within(async { Ok(followed.next().await) }, "the follower's end").await?;
        ensure_matches!(told, Err(StopReason::Diverged(_)), "following at {stranger:?}");
    }
    Ok(())
}

/// 45: a cursor of this log goes on in it, also where the event it stands on was scrubbed since.
pub async fn a_cursor_goes_on_also_where_its_event_was_scrubbed<H: StoreHarness>(harness: &H) -> CaseResult {
    let (store, operator) = (harness.store(), harness.operator());
    store.append(append("thing-1", 3)).await?;
    let end = store.append(append("gone-1", 2)).await?.to_position;
    let cursor = read_up_to(&store, end, 2).await?;
    operator.delete_stream(of("gone-1")).await?;
    let scrub = Scrub::of(stream("gone-1")).because("a test");
    operator.scrub_stream(scrub).await?;

    let idle = store.read_log(LogQuery::going_on(cursor)).await?;
    let later = store.append(append("thing-1", 1)).await?;
    let read = store.read_log(LogQuery::going_on(cursor)).await?;

    ensure_eq!(idle.events.len(), 0, "events behind the scrubbed one");
    ensure_eq!(read.events.len(), 1, "events that were appended later");
    ensure_eq!(read.settled_to, later.to_position, "where the page settles");
    Ok(())
}
