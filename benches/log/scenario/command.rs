//! Commands: through handles and through the repository, on one aggregate and on many; loads beside their query.

use std::sync::Arc;

use annals::aggregates::{
    Aggregate, CacheOptions, Context, Events, ExecuteError, HandleOptions, Handles, Repository,
};
use annals::eventstore::{Append, Event, EventStore, PostgresStore, StreamName, Version};
use tokio_postgres::{Client, Statement};

use super::rows::{look_at, require_all};
use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};
use crate::crew::{Crew, Worker};
use crate::sample::Sample;

/// How many callers there are, and for the second scenario how many aggregates.
const CALLERS: usize = 64;

/// How many connections they share.
const CONNECTIONS: usize = 16;

/// The events of the stream that is loaded.
const LOADED_EVENTS: u64 = 100;

/// The least one could ask for the events of a stream.
const PAGE: &str = "\
select e.position, $1, e.version, e.event_id, e.event_type, e.schema_version, e.data, e.metadata, e.recorded_at
from annals.events as e
where e.stream_id = (select s.stream_id from annals.streams as s where s.stream_name = $1) and e.version >= $2
order by e.version
limit $3";

/// The events of the long stream, and the most memory its replay may take, in KiB.
const REPLAYED_EVENTS: u64 = 1_000_000;
const REPLAY_KIBIBYTES_MAX: u64 = 100 * 1024;

/// An aggregate that takes whatever it is given.
#[derive(Debug, Clone, Default)]
struct Till(u64);

/// The bench's event, as a type of its own.
#[derive(Debug, Clone, Event)]
enum TillEvent {
    #[event(name = "money-deposited")]
    Deposited {
        amount: String,
        currency: String,
        balance: String,
        reference: String,
        channel: String,
        teller: u32,
    },
}

impl Aggregate for Till {
    const CATEGORY: &'static str = "till";
    type Id = usize;
    type Command = TillEvent;
    type Event = TillEvent;
    type Refusal = std::convert::Infallible;

    fn decide(&self, deposit: TillEvent, _: &Context) -> Result<Events<TillEvent>, Self::Refusal> {
        Ok(deposit.into())
    }

    fn evolve(&mut self, _: &TillEvent) {
        self.0 += 1;
    }
}

fn deposit() -> TillEvent {
    let text = |text: &str| text.to_owned();
    TillEvent::Deposited {
        amount: text("1250.00"),
        currency: text("EUR"),
        balance: text("18340.75"),
        reference: text("invoice 2026-11-0042"),
        channel: text("counter"),
        teller: 7,
    }
}

/// Measures commands and loads.
pub(crate) async fn run(bench: &Bench) -> Outcome {
    let Bench { server, options, report } = bench;
    let database = server.database("command", options).await?;
    let store = database.store(CONNECTIONS).await?;
    let tills = Repository::<Till, _>::new(store.clone());
    let handles = || Handles::new(tills.clone(), HandleOptions::default());
    let mut contests = Vec::new();
    let one = format!("handles-on-one-vs-execute/{CALLERS}");
    if options.wants(&one) {
        let caller = |_| Caller { handles: handles(), id: 1 };
        let shared = caller(0);
        let callers = (0..CALLERS).map(|_| shared.clone()).collect();
        let cached = tills.clone().with_cache(CacheOptions::default());
        let racers = (0..CALLERS).map(|_| Racer { tills: cached.clone() }).collect();
        contests.push(Contest::new(one, Crew::<Caller>(callers), Crew::<Racer>(racers)));
    }
    let many = format!("handles-on-many-vs-append/{CALLERS}");
    if options.wants(&many) {
        let shared = handles();
        let callers = (0..CALLERS).map(|n| Caller { handles: shared.clone(), id: 100 + n }).collect();
        let sample = Sample::new()?;
        let plain = |n: usize| {
            let stream = StreamName::new(format!("plain-{n}"))?;
            Ok(Plain { store: store.clone(), sample: sample.clone(), stream, version: Version::NONE })
        };
        let plain = (0..CALLERS).map(plain).collect::<Outcome<Vec<_>>>()?;
        contests.push(Contest::new(many, Crew::<Caller>(callers), Crew(plain)));
    }
    let load = "load-vs-query/1";
    if options.wants(load) {
        for _ in 0..LOADED_EVENTS {
            tills.execute(&3, deposit(), &Context::new()).await?;
        }
        database.vacuum().await?;
        let client = database.clients(1).await?.remove(0);
        let query = Query { page: client.prepare(PAGE).await?, client };
        contests.push(Contest::new(
            load.to_owned(),
            Crew(vec![Loader { tills: tills.clone() }]),
            Crew(vec![query]),
        ));
    }
    if !contests.is_empty() {
        contest::run(&mut contests, bench).await?;
        contests.iter().for_each(|contest| report.verdict(&contest.verdict()));
    }
    if options.names("replay-memory") {
        replay(&store, &tills).await?;
    }
    store.close().await;
    Ok(())
}

/// Replays a long stream and fails where that takes too much memory.
async fn replay(store: &PostgresStore, tills: &Repository<Till, PostgresStore>) -> Outcome {
    let sample = Sample::new()?;
    let stream = Till::stream_name(&4)?;
    eprintln!("filling a stream of {REPLAYED_EVENTS} events ...");
    for _ in 0..REPLAYED_EVENTS / 1_000 {
        store.append(Append::to(stream.clone(), (0..1_000).map(|_| sample.event()))).await?;
    }
    let before = resident_kibibytes("VmRSS")?;
    let begin = std::time::Instant::now();
    let loaded = tills.load(&4).await?;
    let (elapsed, peak) = (begin.elapsed(), resident_kibibytes("VmHWM")?);
    require_all(loaded.state.0, REPLAYED_EVENTS)?;
    let more = peak.saturating_sub(before);
    eprintln!(
        "replay-memory: {REPLAYED_EVENTS} events in {elapsed:.1?}, at most {more} KiB more than before"
    );
    if more > REPLAY_KIBIBYTES_MAX {
        return Err(format!("the replay took {more} KiB, {REPLAY_KIBIBYTES_MAX} are allowed").into());
    }
    Ok(())
}

fn resident_kibibytes(line: &str) -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let told = status.lines().find_map(|told| told.strip_prefix(line)).ok_or("no such line")?;
    Ok(told.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
}

/// Sends commands to one till through handles.
#[derive(Clone)]
struct Caller {
    handles: Handles<Till, PostgresStore>,
    id: usize,
}

impl Worker for Caller {
    async fn operate(&mut self) -> Outcome<u64> {
        self.handles.execute(&self.id, deposit(), &Context::new()).await?;
        Ok(1)
    }
}

/// Executes commands on one till through a repository with a cache; a command that lost all its attempts is no
/// event.
struct Racer {
    tills: Repository<Till, PostgresStore>,
}

impl Worker for Racer {
    async fn operate(&mut self) -> Outcome<u64> {
        match self.tills.execute(&2, deposit(), &Context::new()).await {
            Ok(_) => Ok(1),
            Err(ExecuteError::Conflict { .. }) => Ok(0),
            Err(fault) => Err(fault.into()),
        }
    }
}

/// Appends to a stream of its own, at exactly the version that the append before returned.
struct Plain {
    store: PostgresStore,
    sample: Sample,
    stream: StreamName,
    version: Version,
}

impl Worker for Plain {
    async fn operate(&mut self) -> Outcome<u64> {
        let append = Append::to(self.stream.clone(), [self.sample.event()]).expecting(self.version);
        self.version = self.store.append(append).await?.to_version;
        Ok(1)
    }
}

/// Loads one till.
struct Loader {
    tills: Repository<Till, PostgresStore>,
}

impl Worker for Loader {
    async fn operate(&mut self) -> Outcome<u64> {
        let loaded = self.tills.load(&3).await?;
        require_all(loaded.state.0, LOADED_EVENTS)?;
        Ok(LOADED_EVENTS)
    }
}

/// Reads the same rows with a plain select, and takes their columns out.
struct Query {
    client: Arc<Client>,
    page: Statement,
}

impl Worker for Query {
    async fn operate(&mut self) -> Outcome<u64> {
        let rows = self.client.query(&self.page, &[&"till-3", &1_i64, &1000_i64]).await?;
        for row in &rows {
            look_at(row)?;
        }
        require_all(u64::try_from(rows.len())?, LOADED_EVENTS)?;
        Ok(LOADED_EVENTS)
    }
}
