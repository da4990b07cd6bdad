//! Appending one event at a time, on many connections: to fresh streams, and to a stream per connection.

use annals::eventstore::{Append, EventStore, ExpectedVersion, PostgresStore, StreamName, Version};

use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};
use crate::crew::{Crew, Worker};
use crate::database::Database;
use crate::floor::{Inserter, Rows};
use crate::sample::Sample;

/// Where the floor's streams of the second scenario begin: beyond those that the first one can reach.
const FIRST_LONG_STREAM: i64 = 1 << 40;

/// Measures appends on so many connections.
pub(crate) async fn run(bench: &Bench, connections: usize) -> Outcome {
    let Bench { server, options, report } = bench;
    let fresh = format!("append-fresh/{connections}");
    let existing = format!("append-existing/{connections}");
    if !options.wants(&fresh) && !options.wants(&existing) {
        return Ok(());
    }
    let database = server.database(&format!("append_{connections}"), options).await?;
    let store = database.store(connections).await?;
    let clients = database.clients(connections).await?;
    let mut contests = Vec::new();
    if options.wants(&fresh) {
        let scenario = Crew(FreshStreams::crew(&store, connections)?);
        let floor = Crew(Inserter::crew(&clients, Rows::FreshStreams, 1).await?);
        contests.push(Contest::new(fresh, scenario, floor));
    }
    if options.wants(&existing) {
        let scenario = Crew(OneStream::crew(&store, connections)?);
        let floor = Crew(Inserter::crew(&clients, Rows::OneStream, FIRST_LONG_STREAM).await?);
        contests.push(Contest::new(existing, scenario, floor));
    }
    contest::run(&mut contests, bench).await?;
    require_what_was_acknowledged(&database, &contests).await?;
    for contest in &contests {
        report.verdict(&contest.verdict());
    }
    store.close().await;
    Ok(())
}

async fn require_what_was_acknowledged(database: &Database, contests: &[Contest]) -> Outcome {
    let (log, floor) =
        contests.iter().map(Contest::events).fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
    database.require("annals.events", log).await?;
    database.require("floor.events", floor).await
}

/// Begins a stream with every append.
struct FreshStreams {
    store: PostgresStore,
    sample: Sample,
    worker: usize,
    streams: u64,
}

impl FreshStreams {
    fn crew(store: &PostgresStore, workers: usize) -> Outcome<Vec<Self>> {
        let sample = Sample::new()?;
        let worker = |worker| Self { store: store.clone(), sample: sample.clone(), worker, streams: 0 };
        Ok((0..workers).map(worker).collect())
    }
}

impl Worker for FreshStreams {
    async fn operate(&mut self) -> Outcome<u64> {
        self.streams += 1;
        let stream = StreamName::new(format!("account-{}-{}", self.worker, self.streams))?;
        let append = Append::to(stream, [self.sample.event()]).expecting(ExpectedVersion::NoStream);
        let appended = self.store.append(append).await?;
        Ok(u64::from(appended.to_version == Version::FIRST))
    }
}

/// Goes on with one stream, at exactly the version that the append before returned.
struct OneStream {
    store: PostgresStore,
    sample: Sample,
    stream: StreamName,
    version: Version,
}

impl OneStream {
    fn crew(store: &PostgresStore, workers: usize) -> Outcome<Vec<Self>> {
        let sample = Sample::new()?;
        let worker = |worker: usize| {
            let stream = StreamName::new(format!("ledger-{worker}"))?;
            Ok(Self { store: store.clone(), sample: sample.clone(), stream, version: Version::NONE })
        };
        (0..workers).map(worker).collect()
    }
}

impl Worker for OneStream {
    async fn operate(&mut self) -> Outcome<u64> {
        let append = Append::to(self.stream.clone(), [self.sample.event()]).expecting(self.version);
        let appended = self.store.append(append).await?;
        let written = appended.to_version.get() - self.version.get();
        self.version = appended.to_version;
        Ok(u64::try_from(written)?)
    }
}
