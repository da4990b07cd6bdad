//! From an append's answer to the handler of a live subscription in another process, ten events a second; the
//! floor is a bare NOTIFY, from its sending to the listener in that same process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use annals::eventstore::{Append, EventStore, PostgresStore, StreamName};
use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};
use crate::crew::{Side, Slice, Working};
use crate::follower::{CHANNEL, Follower, now_us};
use crate::sample::Sample;

const NAME: &str = "live/10";

/// Ten a second.
const PACE: Duration = Duration::from_millis(100);

/// Measures the way of single events.
pub(crate) async fn run(bench: &Bench) -> Outcome {
    let Bench { server, options, report } = bench;
    if !options.wants(NAME) {
        return Ok(());
    }
    let database = server.database("live", options).await?;
    let store = database.store(1).await?;
    let notifier = database.clients(1).await?.remove(0);
    let follower = Arc::new(Mutex::new(Follower::start(database.url()).await?));
    let events = Events {
        store: store.clone(),
        sample: Sample::new()?,
        stream: StreamName::new("ledger-1")?,
        follower: follower.clone(),
    };
    let notices = Notices { notifier, sent: 0, follower: follower.clone() };
    let mut contests = [Contest::new(NAME.to_owned(), events, notices)];
    contest::run(&mut contests, bench).await?;
    report.verdict(&contests[0].verdict());
    drop(contests);
    follower.lock().await.stop().await?;
    store.close().await;
    Ok(())
}

/// Appends an event and waits for the other process to have it in hand.
struct Events {
    store: PostgresStore,
    sample: Sample,
    stream: StreamName,
    follower: Arc<Mutex<Follower>>,
}

impl Side for Events {
    fn work(&mut self, length: Duration) -> Working<'_> {
        Box::pin(async move {
            let mut follower = self.follower.lock().await;
            let mut pace = Pace::begin(length);
            while pace.waits_for_its_turn().await {
                let event = self.sample.event();
                let id = event.id.to_string();
                self.store.append(Append::to(self.stream.clone(), [event])).await?;
                let acknowledged = now_us();
                pace.note(follower.arrival_of(&id).await?.saturating_sub(acknowledged));
            }
            Ok(pace.slice)
        })
    }

    fn is_metered(&self) -> bool {
        false
    }
}

/// Sends a NOTIFY and waits for the other process to have it.
struct Notices {
    notifier: Arc<Client>,
    sent: u64,
    follower: Arc<Mutex<Follower>>,
}

impl Side for Notices {
    fn work(&mut self, length: Duration) -> Working<'_> {
        Box::pin(async move {
            let mut follower = self.follower.lock().await;
            let mut pace = Pace::begin(length);
            while pace.waits_for_its_turn().await {
                self.sent += 1;
                let id = self.sent.to_string();
                let sent = now_us();
                self.notifier.execute("select pg_notify($1, $2)", &[&CHANNEL, &id]).await?;
                pace.note(follower.arrival_of(&id).await?.saturating_sub(sent));
            }
            Ok(pace.slice)
        })
    }

    fn is_metered(&self) -> bool {
        false
    }
}

/// Turns at an even pace, and what came of them.
struct Pace {
    begin: Instant,
    length: Duration,
    turns: u32,
    slice: Slice,
}

impl Pace {
    fn begin(length: Duration) -> Self {
        Self { begin: Instant::now(), length, turns: 0, slice: Slice::default() }
    }

    /// Returns at the next turn; false when the time is over.
    async fn waits_for_its_turn(&mut self) -> bool {
        let turn = PACE * self.turns;
        self.turns += 1;
        tokio::time::sleep_until((self.begin + turn).into()).await;
        self.slice.elapsed = self.begin.elapsed();
        turn < self.length
    }

    fn note(&mut self, latency_us: u64) {
        self.slice.events += 1;
        self.slice.latencies_us.push(latency_us.try_into().unwrap_or(u32::MAX));
    }
}
