//! A subscription that reads a long log holds a few pages of it and no more.
//!
//! What is measured is the memory of a whole process, so the reader gets one of its own.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{EventFilter, GlobalPosition, StartAt, Tailer};

use crate::support::TestDb;

/// How much more memory a reader may hold at its highest than at its start.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// What the reader's process is told: how many events there are to read, of how many bytes, kept or not.
const EVENTS: &str = "ANNALS_MEMORY_EVENTS";
const EVENT_BYTES: &str = "ANNALS_MEMORY_EVENT_BYTES";
const HOARDS: &str = "ANNALS_MEMORY_HOARDS";

/// Lets a process of its own read a log; returns by how much it grew meanwhile, in KiB.
fn growth(events: u64, event_bytes: usize, hoards: bool) -> Result<u64, TestFailure> {
    let mut reader = Command::new(std::env::current_exe()?);
    reader.args([
        "--exact",
        "subscription_memory::a_reader_tells_how_much_it_grows",
        "--ignored",
        "--nocapture",
    ]);
    reader.env(EVENTS, events.to_string()).env(EVENT_BYTES, event_bytes.to_string());
    let output = reader.env(HOARDS, hoards.to_string()).output()?;
    let told = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let line = told.lines().find(|line| line.contains(" events of ")).ok_or("the reader told nothing")?;
    println!("{line}");
    let growth = line.split_once(" in all, ").and_then(|(_, told)| told.split(' ').next());
    Ok(growth.ok_or("the reader told no growth")?.parse()?)
}

fn told<T: std::str::FromStr>(variable: &str) -> Result<T, TestFailure> {
    let text = std::env::var(variable)?;
    text.parse().map_err(|_| TestFailure::from(format!("{variable} is {text}")))
}

#[tokio::test]
#[ignore = "what the other tests here run in a process of its own"]
async fn a_reader_tells_how_much_it_grows() -> TestResult {
    let (events, bytes): (u64, usize) = (told(EVENTS)?, told(EVENT_BYTES)?);
    let hoards: bool = told(HOARDS)?;
    let db = TestDb::fresh().await?;
    let fill = format!(
        "select annals.append('account-' || n, -2,
            (select json_agg(json_build_object('type', 'noted', 'data', repeat('x', {bytes})))
             from generate_series(1, 1000) as m))
         from generate_series(1, {}) as n",
        events / 1000
    );
    db.connect().await?.batch_execute(&fill).await?;
    let tailer = Tailer::of(db.store());
    let mut subscription = tailer.subscribe(StartAt::Origin, EventFilter::all()).await?;

    let (mut seen, begun, at_start, mut highest) = (0, Instant::now(), resident_kib()?, 0);
    let (mut last, mut hoard) = (GlobalPosition::START, Vec::new());
    while seen < events {
        let page = tokio::time::timeout(Duration::from_secs(60), subscription.next()).await??;
        for event in page.events() {
            assert!(event.position > last, "{} comes after {last}", event.position);
            last = event.position;
            seen += 1;
        }
        assert!(subscription.handle().queued_events() <= 4000);
        highest = highest.max(resident_kib()?);
        if hoards {
            hoard.push(page);
        }
    }

    assert_eq!(seen, events);
    let (took, growth) = (begun.elapsed(), highest.saturating_sub(at_start));
    println!(
        "{events} events of {bytes} bytes in {took:?}, {highest} KiB in all, {growth} KiB more at the highest"
    );
    Ok(())
}

fn resident_kib() -> Result<u64, TestFailure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

#[test]
fn a_subscription_reads_eighty_megabytes_in_bounded_memory() -> TestResult {
    let growth = growth(40_000, 2_000, false)?;

    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    Ok(())
}

#[test]
fn a_reader_that_keeps_its_pages_is_noticed() -> TestResult {
    let growth = growth(40_000, 2_000, true)?;

    assert!(growth > GROWTH_KIB_MAX, "only {growth} KiB more");
    Ok(())
}

#[test]
#[ignore = "takes a minute: a million events, to be run by hand (`just memory`)"]
fn a_subscription_reads_a_million_events_in_bounded_memory() -> TestResult {
    let growth = growth(1_000_000, 200, false)?;

    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    Ok(())
}
