//! Consumers that keep their position themselves: when they keep it, and that a crash skips nothing.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::conformance::failure::{CaseFailure, CaseResult, ensure, ensure_eq};
use crate::conformance::follower::log_up_to;
use crate::conformance::given::{append, within};
use crate::conformance::harness::StoreHarness;
use crate::consumer::{CheckpointKeeper, CheckpointPolicy, CheckpointedConsumer};
use crate::cursor::Cursor;
use crate::event::RecordedEvent;
use crate::filter::EventFilter;
use crate::position::GlobalPosition;
use crate::store::EventStore;
use crate::stream::Category;
use crate::tailer::{Tailer, TailerOptions};

const NEVER: Duration = Duration::from_secs(3600);

/// What a consumer did, in its order; outlives the consumer, as what it feeds does.
#[derive(Debug, Clone, Default)]
struct World {
    /// Every event that was handled, and how many had been when a position was kept.
    handled: Arc<Mutex<Vec<RecordedEvent>>>,
    kept: Arc<watch::Sender<Vec<(GlobalPosition, usize)>>>,
    /// What was kept last.
    cursor: Arc<Mutex<Cursor>>,
}

impl World {
    fn handled(&self) -> Vec<RecordedEvent> {
        self.handled.lock().expect("nothing panics while it holds the events").clone()
    }

    fn handle(&self, event: &RecordedEvent) -> usize {
        let mut handled = self.handled.lock().expect("nothing panics while it holds the events");
        handled.push(event.clone());
        handled.len()
    }

    fn kept(&self) -> Vec<(GlobalPosition, usize)> {
        self.kept.borrow().clone()
    }

    fn kept_positions(&self) -> Vec<GlobalPosition> {
        self.kept().into_iter().map(|(position, _)| position).collect()
    }

    /// Returns once a position is kept that is not before this one.
    async fn keeps(&self, position: GlobalPosition) {
        let mut kept = self.kept.subscribe();
        let reached = kept.wait_for(|kept| kept.last().is_some_and(|(at, _)| *at >= position)).await;
        reached.expect("the sender is ours");
    }

    /// Fails where a position was kept before everything up to it had been handled.
    fn ensure_nothing_kept_too_early(&self, log: &[RecordedEvent]) -> CaseResult {
        let handled = self.handled();
        for (kept, number) in self.kept() {
            let done: HashSet<_> = handled[..number].iter().map(|event| event.id).collect();
            let missing =
                log.iter().filter(|event| event.position <= kept && !done.contains(&event.id)).count();
            ensure_eq!(missing, 0, "events not yet handled when position {kept} was kept");
        }
        Ok(())
    }
}

impl CheckpointKeeper for World {
    type Error = Infallible;

    async fn load(&mut self) -> Result<Cursor, Infallible> {
        Ok(*self.cursor.lock().expect("nothing panics while it holds the cursor"))
    }

    async fn keep(&mut self, cursor: Cursor) -> Result<(), Infallible> {
        let handled = self.handled().len();
        *self.cursor.lock().expect("nothing panics while it holds the cursor") = cursor;
        self.kept.send_modify(|kept| kept.push((cursor.position, handled)));
        Ok(())
    }
}

/// Writes events to three streams in turn and reads them back.
async fn written<S: EventStore>(store: &S, events: usize) -> CaseResult<Vec<RecordedEvent>> {
    let mut end = GlobalPosition::START;
    for n in 0..events {
        end = store.append(append(&format!("thing-{}", n % 3), 1)).await?.to_position;
    }
    let log = log_up_to(store, end).await?;
    ensure_eq!(log.len(), events, "events in the log");
    Ok(log)
}

fn tailer<S: EventStore>(store: &S) -> Tailer<S> {
    Tailer::with_options(store.clone(), TailerOptions { page_events: 4, ..TailerOptions::default() })
}

/// Runs a consumer until it has handled the last event, or kept a position behind it.
async fn consume<S: EventStore>(
    store: &S,
    world: &World,
    filter: EventFilter,
    policy: CheckpointPolicy,
    last: GlobalPosition,
) -> CaseResult<GlobalPosition> {
    let stop = CancellationToken::new();
    let consumer = CheckpointedConsumer::resume(&tailer(store), world.clone(), filter, policy).await?;
    let running = consumer.run(stop.clone(), async |event| {
        world.handle(event);
        if event.position == last {
            stop.cancel();
        }
        Ok(())
    });
    let kept = async {
        world.keeps(last).await;
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let running = async {
        tokio::select! {
            ended = running => Ok(ended?),
            () = kept => Err(CaseFailure::new("the consumer goes on for ever")),
        }
    };
    within(running, "the consumer ends where it was told to").await
}

/// Runs a consumer that crashes while it handles its `n`-th event.
async fn crash<S: EventStore>(
    store: &S,
    world: &World,
    policy: CheckpointPolicy,
    n: usize,
    last: GlobalPosition,
) -> CaseResult {
    let all = EventFilter::all();
    let consumer = CheckpointedConsumer::resume(&tailer(store), world.clone(), all, policy).await?;
    let at_work = CancellationToken::new();
    let mut begun = 0;
    let running = consumer.run(CancellationToken::new(), async |event| {
        begun += 1;
        if begun == n {
            at_work.cancel();
            std::future::pending::<()>().await;
        }
        world.handle(event);
        Ok(())
    });
    let running = async {
        tokio::select! {
            ended = running => Err(CaseFailure::new(format!("the consumer ended: {:?}", ended?))),
            () = at_work.cancelled() => Ok(()),
            () = world.keeps(last) => Err(CaseFailure::new("the end is kept as done before it was handled")),
        }
    };
    within(running, "the consumer handles its events").await
}

/// 57: a position is kept after each event, or after every few, and when the consumer is told to stop.
pub async fn a_position_is_kept_after_every_few_events_and_at_the_end<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 10).await?;
    let last = log[9].position;
    for events in [1, 3, 4, 1_000] {
        let world = World::default();
        let policy = CheckpointPolicy { events, idle: NEVER };
        let ended = consume(&store, &world, EventFilter::all(), policy, last).await?;

        ensure_eq!(world.handled(), log, "events handled with a position kept after {events}");
        let promised: Vec<_> =
            log.chunks_exact(events).map(|events| events[events.len() - 1].position).collect();
        let kept = world.kept_positions();
        ensure_eq!(kept[..promised.len()], promised, "positions kept after {events} events");
        ensure!(kept.len() <= promised.len() + 1, "{kept:?} kept after {events} events");
        ensure_eq!(kept.last(), Some(&ended), "position kept at the end");
        ensure!(ended >= last, "ended at {ended}, before the last event {last}");
        world.ensure_nothing_kept_too_early(&log)?;
    }
    Ok(())
}

/// 57: a position is kept when nothing more comes, once, and nothing is written after that.
pub async fn a_position_is_kept_when_nothing_more_comes<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 10).await?;
    let world = World::default();
    let policy = CheckpointPolicy { events: 1_000, idle: Duration::from_millis(1) };
    let stop = CancellationToken::new();
    let (all, tailer) = (EventFilter::all(), tailer(&store));
    let consumer = CheckpointedConsumer::resume(&tailer, world.clone(), all, policy).await?;
    let running = consumer.run(stop.clone(), async |event| {
        world.handle(event);
        Ok(())
    });
    let stopping = async {
        world.keeps(log[9].position).await;
        // Several idle times: were they to write, they would now.
        tokio::time::sleep(10 * policy.idle).await;
        stop.cancel();
        Ok(())
    };
    let both = async { tokio::try_join!(async { Ok::<_, CaseFailure>(running.await?) }, stopping) };
    let (ended, ()) = within(both, "the position is kept while the consumer waits").await?;

    ensure_eq!(world.handled(), log, "events handled");
    // A slow store may let the time pass between two pages; no position is written twice.
    let kept = world.kept_positions();
    ensure_eq!(kept.last(), Some(&ended), "position kept last");
    ensure!(kept.is_sorted_by(|one, next| one < next), "positions were kept as {kept:?}");
    world.ensure_nothing_kept_too_early(&log)
}

/// 57: the position of a consumer that wants nothing of what there is moves on and is kept all the same.
pub async fn what_a_consumer_leaves_out_is_kept_as_done<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 10).await?;
    let world = World::default();
    let policy = CheckpointPolicy { events: 3, idle: Duration::from_millis(1) };
    let absent = EventFilter::all().categories([Category::new("absent")?]);

    let ended = consume(&store, &world, absent, policy, log[9].position).await?;

    ensure_eq!(world.handled(), [], "events of a consumer that wants none");
    ensure!(ended >= log[9].position, "ended at {ended}, before what it leaves out");
    ensure!(world.kept().len() > 1, "a long way was kept in one step");
    Ok(())
}

/// 58: a timer that goes off all the time while a consumer catches up never keeps a position beyond what was
/// handled, so a crash at any event skips nothing.
pub async fn no_timer_keeps_what_was_not_handled<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 40).await?;
    let policy = CheckpointPolicy { events: 7, idle: Duration::ZERO };
    for n in [1, 4, 5, 8, 19, 40] {
        let world = World::default();
        crash(&store, &world, policy, n, log[39].position).await?;
        let done = world.handled().len();
        ensure_eq!(done, n - 1, "events handled before the crash");
        consume(&store, &world, EventFilter::all(), policy, log[39].position).await?;

        let (before, after) = (world.handled()[..done].to_vec(), world.handled()[done..].to_vec());
        ensure_eq!(before, log[..done], "events before a crash at event {n}");
        ensure!(after.len() >= log.len() - done, "{} events came after a crash at event {n}", after.len());
        ensure_eq!(after, log[log.len() - after.len()..], "events after a crash at event {n}");
        world.ensure_nothing_kept_too_early(&log)?;
    }
    Ok(())
}

/// 55: what a crashed consumer had in hand comes again to the next one, and so does what it had not kept.
pub async fn what_a_crashed_consumer_had_in_hand_comes_again<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 20).await?;
    let world = World::default();
    let policy = CheckpointPolicy { events: 5, idle: NEVER };

    for _ in 0..3 {
        crash(&store, &world, policy, 7, log[19].position).await?;
    }
    consume(&store, &world, EventFilter::all(), policy, log[19].position).await?;

    // Each crash came two events behind a position that was kept.
    let (five, six) = (|n: usize| &log[n..n + 5], |n: usize| &log[n..n + 6]);
    let promised = [six(0), six(5), six(10), five(15)].concat();
    ensure_eq!(world.handled(), promised, "events handled by one consumer after the other");
    Ok(())
}

/// 54: the events of each stream come in its order, also where a consumer crashed and another goes on.
pub async fn each_stream_keeps_its_order_through_crashes<H: StoreHarness>(harness: &H) -> CaseResult {
    let store = harness.store();
    let log = written(&store, 30).await?;
    let world = World::default();
    let policy = CheckpointPolicy { events: 2, idle: NEVER };
    let mut runs = Vec::new();
    for n in [3, 8, 5] {
        crash(&store, &world, policy, n, log[29].position).await?;
        runs.push(world.handled().len());
    }
    consume(&store, &world, EventFilter::all(), policy, log[29].position).await?;
    let handled = world.handled();
    runs.push(handled.len());

    let mut begin = 0;
    for name in ["thing-0", "thing-1", "thing-2"] {
        let of_stream = |events: &[RecordedEvent]| -> Vec<i64> {
            let of_it = events.iter().filter(|event| event.stream.as_str() == name);
            of_it.map(|event| event.version.get()).collect()
        };
        let mut reached = 0;
        begin = 0;
        for end in &runs {
            let versions = of_stream(&handled[begin..*end]);
            let dense = versions.windows(2).all(|pair| pair[1] == pair[0] + 1);
            ensure!(dense, "versions of {name} came as {versions:?}");
            ensure!(
                versions.first().is_none_or(|first| *first <= reached + 1),
                "{name} goes on at {versions:?} behind {reached}"
            );
            reached = versions.last().copied().unwrap_or(reached);
            begin = *end;
        }
        ensure_eq!(reached, 10, "last version of {name}");
    }
    ensure_eq!(begin, handled.len(), "events looked at");
    Ok(())
}

/// 61: a consumer resumes where it was told to stop; once its position is forgotten it begins again.
pub async fn a_consumer_resumes_and_begins_again_when_its_position_is_forgotten<H: StoreHarness>(
    harness: &H,
) -> CaseResult {
    let store = harness.store();
    let first = written(&store, 6).await?;
    let (world, policy) = (World::default(), CheckpointPolicy::default());
    consume(&store, &world, EventFilter::all(), policy, first[5].position).await?;
    store.append(append("thing-0", 2)).await?;
    let end = store.append(append("thing-1", 1)).await?.to_position;

    consume(&store, &world, EventFilter::all(), policy, end).await?;

    let log = log_up_to(&store, end).await?;
    ensure_eq!(world.handled(), log, "events of a consumer and its successor");
    let anew = World::default();
    consume(&store, &anew, EventFilter::all(), policy, end).await?;
    ensure_eq!(anew.handled(), log, "events of a consumer whose position was forgotten");
    Ok(())
}
