//! How much memory a long replay and many aggregates take. A process of its own, so that nothing else does.

use std::sync::{Mutex, PoisonError};

use annals_aggregates::{Aggregate, Context, Events, HandleOptions, Handles, Repository, fold_streams};
use annals_eventstore::{Append, Event, EventStore, MemoryStore, NewEvent};

/// One test at a time: they measure the process.
static ALONE: Mutex<()> = Mutex::new(());

#[derive(Debug, Clone, Default)]
struct Counter(u64);

#[derive(Debug, Event)]
#[event(crate = annals_eventstore)]
enum Counted {
    #[event(name = "counted")]
    By(u64),
}

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Id = u32;
    type Command = u64;
    type Event = Counted;
    type Refusal = std::convert::Infallible;

    fn decide(&self, by: u64, _: &Context) -> Result<Events<Counted>, Self::Refusal> {
        Ok(Counted::By(by).into())
    }

    fn evolve(&mut self, Counted::By(by): &Counted) {
        self.0 += by;
    }
}

/// Memory of this process, in KiB: a line of `/proc/self/status`.
fn kibibytes(line: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let told = status.lines().find_map(|told| told.strip_prefix(line))?;
    told.trim_start_matches(':').trim().trim_end_matches(" kB").parse().ok()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(test)
}

#[test]
fn ten_thousand_aggregates_in_memory_take_less_than_48_mebibytes() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(async {
        let handles =
            Handles::<Counter, _>::new(Repository::new(MemoryStore::new()), HandleOptions::default());
        handles.execute(&0, 1, &Context::new()).await.unwrap();
        let Some(before) = kibibytes("VmRSS") else {
            return println!("skipped: 1 (there is no /proc/self/status)");
        };

        for id in 1..=10_000 {
            handles.execute(&id, 1, &Context::new()).await.unwrap();
        }

        let more = kibibytes("VmRSS").expect("it was there before").saturating_sub(before);
        println!("memory: 10000 live handles, with their events in a log in memory, {more} KiB");
        assert_eq!(handles.live(), 10_001);
        assert!(more < 48 * 1024, "{more} KiB for 10000 aggregates and their events");
    });
}

#[test]
fn a_long_replay_takes_two_pages_of_memory() {
    const EVENTS: usize = 100_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(async {
        let store = MemoryStore::new();
        let stream = Counter::stream_name(&1).unwrap();
        for _ in 0..EVENTS / 1000 {
            let events: Vec<_> = (0..1000).map(|_| NewEvent::new("counted", &1).unwrap()).collect();
            store.append(Append::to(stream.clone(), events)).await.unwrap();
        }
        let counters = Repository::<Counter, _>::new(store.clone());
        counters.load_at(&1, annals_eventstore::Version::FIRST).await.unwrap();
        let Some(before) = kibibytes("VmRSS") else {
            return println!("skipped: 1 (there is no /proc/self/status)");
        };

        let loaded = counters.load(&1).await.unwrap();
        let folded = fold_streams(&store, [stream], 0_usize, |events, _| {
            *events += 1;
            Ok(())
        });

        assert_eq!((loaded.state.0, folded.await.unwrap().state), (EVENTS as u64, EVENTS));
        let more = kibibytes("VmRSS").expect("it was there before").saturating_sub(before);
        println!("memory: {EVENTS} events replayed and folded, {more} KiB more");
        assert!(more < 4 * 1024, "{more} KiB more after {EVENTS} events");
    });
}
