//! What each optional index costs an append and saves a read, at a million events: `just indexes`.
//!
//! Two logs of the same events stand beside each other, one of them with the index. Slices of appends take turns,
//! so both meet the same machine at the same moment; what counts is the ratio. How fast anything is fails nothing.

use std::time::{Duration, Instant};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{OptionalIndex, SchemaName, add_index, drop_index, optional_indexes};
use annals_eventstore::{
    Category, CorrelationId, EventFilter, EventStore, EventType, GlobalPosition, LogQuery, PostgresStore,
};
use tokio_postgres::Client;

use crate::support::TestDb;

/// Events of each log.
const EVENTS: i64 = 1_000_000;
/// Pairs of slices, and appends of each slice.
const PAIRS: usize = 15;
const APPENDS: usize = 100;

/// Streams of a hundred events, written in tens, in turn. One stream in a hundred is of the category `rare`, one
/// event in a hundred of the type `rare`; a conversation has ten events.
const FILL: &str = "
    select annals.append(case when n % 100 = 0 then 'rare-' else 'often-' end || n, -2, (
        select json_agg(json_build_object(
            'type', case when (n + m) % 100 = 0 then 'rare' else 'often' end,
            'data', json_build_object('owner', 'somebody', 'cents', n * m),
            'metadata', json_build_object('correlation_id', 'talk ' || n || ' ' || round)))
        from generate_series(1, 10) as m))
    from generate_series(1, 10) as round, generate_series(1, $1::bigint / 100) as n";

async fn filled() -> Result<TestDb, TestFailure> {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.execute(FILL, &[&EVENTS]).await?;
    client.batch_execute("vacuum analyze").await?;
    Ok(db)
}

/// Appends to fresh streams, a transaction each, all of it in the server; returns the time of one append.
async fn appends(client: &Client, round: usize, events: usize) -> Result<Duration, TestFailure> {
    let slice = format!(
        "do $$
         begin
             for n in 1 .. {APPENDS} loop
                 perform annals.append('new-{round}-' || n, 0, (select json_agg(json_build_object(
                     'type', 'often', 'data', json_build_object('owner', 'somebody', 'cents', n * m),
                     'metadata', json_build_object('correlation_id', 'new talk {round} ' || n)))
                     from generate_series(1, {events}) as m));
                 commit;
             end loop;
         end $$"
    );
    let begun = Instant::now();
    client.batch_execute(&slice).await?;
    Ok(begun.elapsed() / u32::try_from(APPENDS)?)
}

/// Returns the medians of the time without and with, and of their ratio, in turns.
async fn compare(
    without: &Client,
    with: &Client,
    rounds: &mut usize,
    events: usize,
) -> Result<(Duration, Duration, f64), TestFailure> {
    let (mut plain, mut indexed, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        *rounds += 1;
        let (one, other) = (appends(without, *rounds, events).await?, appends(with, *rounds, events).await?);
        ratios.push(other.as_secs_f64() / one.as_secs_f64());
        plain.push(one);
        indexed.push(other);
    }
    plain.sort();
    indexed.sort();
    ratios.sort_by(f64::total_cmp);
    Ok((plain[PAIRS / 2], indexed[PAIRS / 2], ratios[PAIRS / 2]))
}

/// Reads a page of a thousand, five times; returns the shortest time and the number of events.
async fn read(store: &PostgresStore, query: &LogQuery) -> Result<(Duration, usize), TestFailure> {
    let (mut best, mut events) = (Duration::MAX, 0);
    for _ in 0..5 {
        let begun = Instant::now();
        events = store.read_log(query.clone()).await?.events.len();
        best = best.min(begun.elapsed());
    }
    Ok((best, events))
}

/// The read that an index is for.
async fn query(store: &PostgresStore, index: OptionalIndex) -> Result<LogQuery, TestFailure> {
    let middle = LogQuery::after(GlobalPosition::try_from(EVENTS * 7 / 10)?).limit(301);
    let middle = store.read_log(middle).await?.events;
    let (begin, end) = (&middle[0], &middle[300]);
    let all = EventFilter::all();
    let filter = match index {
        OptionalIndex::Category => all.categories([Category::new("rare")?]),
        OptionalIndex::EventType => all.event_types([EventType::new("rare")?]),
        OptionalIndex::EventId => all.ids([begin.id]),
        OptionalIndex::Correlation => all.correlation(CorrelationId::new("talk 5000 5")),
        _ => all.recorded_since(begin.recorded_at).recorded_before(end.recorded_at),
    };
    Ok(LogQuery::after(GlobalPosition::START).wanting(filter))
}

#[tokio::test]
#[ignore = "takes minutes: two logs of a million events, to be run by hand"]
async fn what_each_index_costs_an_append_and_saves_a_read() -> TestResult {
    let (plain, indexed) = tokio::try_join!(filled(), filled())?;
    let (options, schema) = (indexed.url().parse()?, SchemaName::default());
    let (store, without, with) = (indexed.store(), plain.connect().await?, indexed.connect().await?);
    let mut rounds = 0;

    for events in [1, 100] {
        let (one, other, ratio) = compare(&without, &with, &mut rounds, events).await?;
        println!("no index: append of {events}: {one:?} and {other:?}, ratio {ratio:.2}");
    }
    for index in OptionalIndex::ALL {
        let query = query(&store, index).await?;
        let (before, found) = read(&store, &query).await?;
        let begun = Instant::now();
        assert!(add_index(&options, &schema, index).await?);
        let built = begun.elapsed();
        let bytes = optional_indexes(&options, &schema).await?.iter().map(|each| each.bytes).sum::<i64>();
        let (after, again) = read(&store, &query).await?;
        println!(
            "{index}: built in {built:?}, {} KiB; {found} events in {before:?}, with it {after:?}",
            bytes / 1024
        );
        assert_eq!(again, found);
        for events in [1, 100] {
            let (one, other, ratio) = compare(&without, &with, &mut rounds, events).await?;
            println!("{index}: append of {events}: without {one:?}, with {other:?}, ratio {ratio:.2}");
        }
        assert!(drop_index(&options, &schema, index).await?);
    }
    if let Ok(load) = std::fs::read_to_string("/proc/loadavg") {
        println!("load average: {load}");
    }
    Ok(())
}
