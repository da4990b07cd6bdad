//! A subscription that reads a long log holds a few pages of it and no more.

use std::fs;
use std::time::{Duration, Instant};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{EventFilter, GlobalPosition, StartAt, Tailer};

use crate::support::TestDb;

/// How much more memory a reader may hold at its end than at its start.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// Reads so many events and returns by how much the process grew meanwhile, in KiB at its highest.
async fn growth_over(events: u64) -> Result<u64, TestFailure> {
    let db = TestDb::fresh().await?;
    let fill = format!(
        "select annals.append('account-' || n, -2,
            (select json_agg(json_build_object('type', 'noted', 'data', json_build_object('n', m)))
             from generate_series(1, 1000) as m))
         from generate_series(1, {}) as n",
        events / 1000
    );
    db.connect().await?.batch_execute(&fill).await?;
    let tailer = Tailer::of(db.store());
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;

    let (mut seen, begun, at_start, mut highest) = (0, Instant::now(), resident_kib()?, 0);
    let mut last = GlobalPosition::START;
    while seen < events {
        let page = tokio::time::timeout(Duration::from_secs(60), subscription.next()).await??;
        for event in page.events() {
            assert!(event.position > last, "{} comes after {last}", event.position);
            last = event.position;
            seen += 1;
        }
        assert!(subscription.handle().queued_events() <= 4000);
        highest = highest.max(resident_kib()?);
    }
    let growth = highest.saturating_sub(at_start);
    println!("{events} events in {:?}, {growth} KiB more at the highest", begun.elapsed());
    assert_eq!(seen, events);
    Ok(growth)
}

fn resident_kib() -> Result<u64, TestFailure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[tokio::test]
async fn a_subscription_reads_twenty_thousand_events_in_bounded_memory() -> TestResult {
    let growth = growth_over(20_000).await?;

    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    Ok(())
}

#[tokio::test]
#[ignore = "takes a minute: a million events, to be run by hand"]
async fn a_subscription_reads_a_million_events_in_bounded_memory() -> TestResult {
    let growth = growth_over(1_000_000).await?;

    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    Ok(())
}
