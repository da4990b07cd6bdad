//! Subscriptions of a tailer: where they begin, what they are given, and that nothing is lost or doubled.

use std::future::Future;

use crate::append::Append;
use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq, ensure_matches};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, counted, recorded_ids_of, stream, within};
use crate::conformance::harness::{SqlHarness, StoreHarness};
use crate::conformance::order::ensure_log_order;
use crate::conformance::transaction::OpenTransaction;
use crate::event::{EventType, NewEvent, RecordedEvent};
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::store::EventStore;
use crate::stream::Category;
use crate::tailer::{StartAt, StopReason, SubscriptionState, TailedSubscription, Tailer, TailerOptions};

/// Takes pages until everything up to a position has settled; returns their events.
async fn up_to<S: EventStore>(
    subscription: &mut TailedSubscription<S>,
    end: GlobalPosition,
) -> CaseResult<Vec<RecordedEvent>> {
    let mut seen = Vec::new();
    let reading = async {
        while subscription.position() < end {
            let before = subscription.position();
            let page = subscription.next().await?;
            let to = page.settled_to();
            ensure!(to > before, "a page after {before} is settled to {to}");
            ensure_eq!(subscription.position(), to, "position behind a page");
            for event in page.events() {
                let at = event.position;
                ensure!(before < at && at <= to, "a page after {before}, settled to {to}, has {at}");
            }
            seen.extend(page.events().cloned());
        }
        Ok(())
    };
    within(reading, &format!("the subscription reaches position {end}")).await?;
    Ok(seen)
}

/// Asks a subscription that has seen everything for more, until it waits for the tailer.
async fn live<S: EventStore>(subscription: &mut TailedSubscription<S>) -> CaseResult {
    let mut state = subscription.handle().state();
    let waiting = async {
        tokio::select! {
            biased;
            live = state.wait_for(|state| matches!(state, SubscriptionState::Live)) => {
                live?;
                Ok(())
            }
            page = subscription.next() => {
                let events = page?.events().count();
                Err(CaseFailure::new(format!("{events} events came where nothing was new")))
            }
        }
    };
    within(waiting, "the subscription becomes live").await
}

/// Appends to a stream; returns where the last event stands.
async fn appended<S: EventStore>(store: &S, name: &str, events: usize) -> CaseResult<GlobalPosition> {
    Ok(store.append(append(name, events)).await?.to_position)
}

/// Returns whether a future has to wait.
async fn waits(future: impl Future) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        () = tokio::task::yield_now() => true,
    }
}

/// 47: a subscription tells where it stands: starting, live once it has seen everything, stopped at its end.
pub async fn a_subscription_tells_where_it_stands<H: StoreHarness>(harness: &H) -> CaseResult {
    let tailer = Tailer::of(harness.store());
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    let handle = subscription.handle();
    ensure_matches!(
        handle.state().borrow().clone(),
        SubscriptionState::Starting,
        "state before the first page"
    );

    live(&mut subscription).await?;
    ensure!(waits(handle.stopped()).await, "a live subscription has stopped");

    drop(subscription);
    ensure_matches!(handle.stopped().await, StopReason::Unsubscribed, "reason after the drop");
    Ok(())
}

/// 48: a live subscription gets each event as it is appended.
pub async fn a_live_subscription_gets_what_is_appended<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let mut subscription = Tailer::of(store.clone()).subscribe(StartAt::Origin, EventFilter::all()).await?;
    live(&mut subscription).await?;

    for round in 1..=5 {
        let end = appended(&store, "thing-1", 1).await?;
        let seen = up_to(&mut subscription, end).await?;
        ensure_eq!(seen.len(), 1, "events delivered in round {round}");
        ensure_eq!(seen[0].position, end, "position delivered in round {round}");
    }
    Ok(())
}

/// 49: what is filtered out – other streams, other categories, other types – does not come.
pub async fn a_filtered_subscription_gets_what_it_asked_for<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let tailer = Tailer::of(store.clone());
    let filters = [
        (EventFilter::all().streams([stream("thing-1")]), ["thing-1/counted", "thing-1/other"].as_slice()),
        (
            EventFilter::all().categories([Category::new("thing")?]),
            &["thing-1/counted", "thing-1/other", "thing-2/counted"],
        ),
        (
            EventFilter::all().event_types([EventType::new("counted")?]),
            &["thing-1/counted", "thing-2/counted", "thingy-1/counted"],
        ),
        (
            EventFilter::all().streams([stream("thing-1")]).event_types([EventType::new("other")?]),
            &["thing-1/other"],
        ),
    ];
    let mut subscriptions = Vec::new();
    for (filter, promised) in filters {
        let mut subscription = tailer.subscribe(StartAt::Origin, filter).await?;
        live(&mut subscription).await?;
        subscriptions.push((subscription, promised));
    }

    appended(&store, "thing-1", 1).await?;
    store.append(Append::to(stream("thing-1"), [NewEvent::new("other", &())?])).await?;
    appended(&store, "thing-2", 1).await?;
    let end = appended(&store, "thingy-1", 1).await?;

    for (mut subscription, promised) in subscriptions {
        let seen = up_to(&mut subscription, end).await?;
        let told: Vec<_> =
            seen.iter().map(|event| format!("{}/{}", event.stream, event.event_type)).collect();
        ensure_eq!(told, promised, "events of a filtered subscription");
    }
    Ok(())
}

/// 50: a subscription begins at the origin, behind a position, or behind everything that is there.
pub async fn a_subscription_begins_where_it_was_asked_to<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let tailer = Tailer::with_options(store.clone(), TailerOptions { page_events: 3, ..Default::default() });
    appended(&store, "thing-1", 4).await?;
    let middle = appended(&store, "thing-2", 1).await?;
    appended(&store, "thing-1", 5).await?;
    let mut subscriptions = [
        (tailer.subscribe(StartAt::Origin, EventFilter::all()).await?, 12),
        (tailer.subscribe(StartAt::After(middle), EventFilter::all()).await?, 7),
        (tailer.subscribe(StartAt::Now, EventFilter::all()).await?, 2),
    ];

    let end = appended(&store, "thing-1", 2).await?;

    let log = log_up_to(&store, end).await?;
    ensure_eq!(log.len(), 12, "events in the log");
    for (subscription, promised) in &mut subscriptions {
        let seen = up_to(subscription, end).await?;
        ensure_eq!(seen, log[log.len() - *promised..], "the last {promised} events");
    }
    Ok(())
}

/// 43: a subscription that begins now gets what commits after that, though it was appended before.
pub async fn subscribing_now_misses_nothing_that_commits_later<H: SqlHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    appended(&store, "fast-1", 2).await?;
    let (slow, held) = OpenTransaction::holding(harness, "slow-1", 2).await?;
    let end = appended(&store, "fast-1", 1).await?;
    let mut subscription = Tailer::of(store).subscribe(StartAt::Now, EventFilter::all()).await?;
    let begun = subscription.position();
    ensure!(begun < held.appended.from_position, "begins at {begun}, behind an open transaction");

    slow.commit().await?;

    let seen = up_to(&mut subscription, end).await?;
    ensure_eq!(recorded_ids_of(&seen)[..2], held.ids, "events of the open transaction");
    ensure_eq!(seen.len(), 3, "events delivered");
    Ok(())
}

/// 51: a subscription that wants nothing of what there is settles behind it all the same, catching up and live.
pub async fn what_is_filtered_out_settles_all_the_same<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let tailer = Tailer::with_options(store.clone(), TailerOptions { page_events: 4, ..Default::default() });
    let nothing = EventFilter::all().categories([Category::new("absent")?]);
    let mut subscription = tailer.subscribe(StartAt::Origin, nothing).await?;

    for events in [10, 1] {
        let end = appended(&store, "thing-1", events).await?;
        let seen = up_to(&mut subscription, end).await?;
        ensure_eq!(seen, [], "events of a subscription that wants none");
        live(&mut subscription).await?;
    }
    Ok(())
}

/// 59: subscribing behind the position where another ended goes on exactly there.
pub async fn a_subscription_resumes_where_another_ended<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let tailer = Tailer::with_options(store.clone(), TailerOptions { page_events: 3, ..Default::default() });
    let end = appended(&store, "thing-1", 20).await?;

    let (mut seen, mut position) = (Vec::new(), GlobalPosition::START);
    while position < end {
        let mut subscription = tailer.subscribe(StartAt::After(position), EventFilter::all()).await?;
        seen.extend(subscription.next().await?.events().cloned());
        position = subscription.position();
    }

    ensure_eq!(seen.len(), 20, "events delivered by one subscription after the other");
    ensure_log_order(&seen)
}

/// 60: a subscription that is not asked for pages has no more waiting than its queue holds, whatever its
/// size, and gets everything afterwards; the others are not held up.
pub async fn a_slow_subscription_loses_nothing_in_bounded_memory<H: StoreHarness>(harness: &H) -> CaseResult {
    const EVENTS: usize = 24;
    for (round, queue_events) in [1, EVENTS, EVENTS + 1, 100 * EVENTS].into_iter().enumerate() {
        let store = harness.store();
        let tailer = Tailer::with_options(store.clone(), TailerOptions { page_events: 2, queue_events });
        let mut slow = tailer.subscribe(StartAt::Now, EventFilter::all()).await?;
        let mut fast = tailer.subscribe(StartAt::Now, EventFilter::all()).await?;
        live(&mut slow).await?;
        live(&mut fast).await?;

        let mut end = GlobalPosition::START;
        for n in 0..EVENTS {
            end = appended(&store, &format!("thing-{round}-{n}"), 1).await?;
            ensure_eq!(up_to(&mut fast, end).await?.len(), 1, "events of the fast one");
            let queued = slow.handle().queued_events();
            ensure!(queued <= queue_events, "{queued} events wait in a queue of {queue_events}");
        }

        let fell_behind = matches!(&*slow.handle().state().borrow(), SubscriptionState::CatchingUp);
        ensure_eq!(fell_behind, queue_events < EVENTS, "fell behind with a queue of {queue_events}");
        let seen = up_to(&mut slow, end).await?;
        ensure_eq!(seen.len(), EVENTS, "events of the slow one with a queue of {queue_events}");
        ensure_log_order(&seen)?;
        live(&mut slow).await?;
    }
    Ok(())
}

/// 60: a subscription that changes between its own cursor and the tailer while others append gets every event
/// once and in order.
pub async fn changing_between_cursor_and_tailer_neither_loses_nor_doubles<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    const EVENTS: usize = 300;
    let store = harness.store();
    let options = TailerOptions { page_events: 5, queue_events: 2 };
    let tailer = Tailer::with_options(store.clone(), options);
    let mut subscriptions = Vec::new();
    for _ in 0..4 {
        subscriptions.push(tailer.subscribe(StartAt::Origin, EventFilter::all()).await?);
    }
    let writer = tokio::spawn(async move {
        let mut end = GlobalPosition::START;
        for n in 0..EVENTS {
            let append = Append::to(stream(&format!("thing-{}", n % 7)), [counted(n)]);
            end = store.append(append).await?.to_position;
        }
        CaseResult::Ok(end)
    });

    let reading = subscriptions.into_iter().enumerate().map(|(pace, mut subscription)| async move {
        let mut seen: Vec<RecordedEvent> = Vec::new();
        let mut pages = 0;
        while seen.len() < EVENTS {
            seen.extend(subscription.next().await?.events().cloned());
            pages += 1;
            // The slower ones stay away now and then, for as long as a few more events take.
            if pace > 0 && pages % (5 * pace) == 0 {
                let mut state = subscription.handle().state();
                let behind = state.wait_for(|state| !matches!(state, SubscriptionState::Live));
                let _ = tokio::time::timeout(std::time::Duration::from_millis(5), behind).await;
            }
        }
        ensure_eq!(seen.len(), EVENTS, "events delivered");
        ensure_log_order(&seen)
    });
    within(futures_util::future::try_join_all(reading), "every subscription gets every event").await?;
    writer.await??;
    Ok(())
}

/// 61: after it was unsubscribed a subscription gives nothing more and tells why; made anew it goes on, or
/// begins again.
pub async fn an_unsubscribed_subscription_ends_and_can_be_made_anew<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let tailer = Tailer::of(store.clone());
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    let first = appended(&store, "thing-1", 3).await?;
    up_to(&mut subscription, first).await?;
    live(&mut subscription).await?;

    let handle = subscription.handle();
    let (ended, ()) = tokio::join!(subscription.next(), async { handle.unsubscribe() });
    ensure_matches!(ended, Err(StopReason::Unsubscribed), "page after unsubscribing");
    let last = appended(&store, "thing-1", 2).await?;
    ensure_matches!(subscription.next().await, Err(StopReason::Unsubscribed), "page asked for once more");
    ensure_eq!(subscription.position(), first, "position where it ended");

    let resume = StartAt::After(subscription.position());
    let mut resumed = tailer.subscribe(resume, EventFilter::all()).await?;
    ensure_eq!(up_to(&mut resumed, last).await?.len(), 2, "events after resuming");
    let mut anew = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;
    ensure_eq!(up_to(&mut anew, last).await?.len(), 5, "events from the origin again");
    live(&mut anew).await?;

    tailer.stop();
    ensure_matches!(anew.next().await, Err(StopReason::TailerStopped), "page after the tailer's end");
    ensure_matches!(resumed.handle().stopped().await, StopReason::TailerStopped, "reason of the other");
    Ok(())
}

/// 63: a subscription to a stream that does not exist gets its events once it does.
pub async fn a_subscription_to_a_missing_stream_gets_its_first_event<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let filter = EventFilter::all().streams([stream("thing-1")]);
    let mut subscription = Tailer::of(store.clone()).subscribe(StartAt::Origin, filter).await?;
    live(&mut subscription).await?;

    appended(&store, "other-1", 1).await?;
    let end = appended(&store, "thing-1", 1).await?;

    let seen = up_to(&mut subscription, end).await?;
    ensure_eq!(seen.len(), 1, "events delivered");
    ensure_eq!(seen[0].stream, stream("thing-1"), "stream of the event delivered");
    Ok(())
}
