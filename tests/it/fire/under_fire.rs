//! Four runners of eight slots, while runners, sessions and the server are killed.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::appender::{all, append};
use super::blows::Blows;
use super::care::{Care, MANY};
use super::ground::Ground;
use super::judge::{Faults, judge};
use super::process::Process;
use super::takeover::{Gone, report, times};
use super::{number_of, seed};
use crate::support::{Dice, OwnServer};

const SECONDS_DEFAULT: u64 = 30;
const LEASE: Duration = Duration::from_secs(2);
const APPENDS_A_SECOND: u32 = 500;

/// This part of the time passes before runners begin to die at fail points: takeovers are measured.
const CALM: u64 = 5;

/// From so many seconds on every fail point has to have fired, and so many things have to have been killed.
const LONG: u64 = 300;
const KILLS: u64 = 60;

/// How much longer than promised a slot may be nobody's before it fails the test: the machine has others to serve.
const MARGIN: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_runners_under_fire_apply_every_event_once_and_keys_in_order() -> TestResult {
    let (seconds, seed) = (number_of("ANNALS_FIRE_SECONDS").unwrap_or(SECONDS_DEFAULT), seed());
    let server = OwnServer::start_with("fire", &[("track_commit_timestamp", "on")]).await?;
    let ground = Arc::new(Ground::open("fire", &server.server.url("shop"), LEASE).await?);
    let (begun, stop) = (Instant::now(), CancellationToken::new());
    let appending = append(&ground, APPENDS_A_SECOND, &stop);

    let mut blows = Blows::begin(Arc::clone(&ground), Dice::new(seed))?;
    blows.settle().await?;
    while begun.elapsed() < Duration::from_secs(seconds / CALM) {
        blows.calm_round().await?;
    }
    let caring = tokio::spawn(take_care(Arc::clone(&ground), stop.clone()));
    blows.let_them_die().await?;
    let is_over = || begun.elapsed() >= Duration::from_secs(seconds);
    while !is_over() {
        blows.round(is_over).await?;
    }
    stop.cancel();
    let (appended, took, cared) = (all(appending).await, begun.elapsed(), caring.await??);
    let blows = blows.end().await?;
    let mut last = Vec::new();
    for _ in 0..4 {
        last.push(Process::start(&ground, "")?);
    }
    Care::of(&ground).bring_to_an_end().await?;
    for mut runner in last {
        assert!(!runner.leave().await?, "nobody kills it");
    }

    let verdict = judge(&ground).await?;
    let per_second = appended.answered as f64 / took.as_secs_f64();
    println!(
        "fire: {took:.0?}, {} events, {per_second:.0} appends/s, {} unanswered; {} batches by {} owners of slots",
        verdict.events, appended.unanswered, verdict.batches, verdict.owners
    );
    let (cared, late) = cared;
    println!(
        "  {cared} events made to fail, {late} times not in time; {} discarded, {} skipped",
        verdict.discarded, verdict.skipped
    );
    blows.counts.iter().for_each(|(what, times)| println!("  {times:>6}  {what}"));
    let shots = ground.fired.shots()?;
    let mut disturbances = blows.disturbances.clone();
    disturbances.extend(shots.iter().map(|shot| shot.at));
    let times = times(&ground, &blows.losses, &disturbances).await?;
    let (left, killed) = (report(&times, Gone::Left), report(&times, Gone::Killed));
    let never = ground.fired.report()?;
    println!("  fail points: {} shots, never fired: {never:?}", shots.len());

    assert_eq!(verdict.faults, Faults::default());
    assert!(verdict.discarded > 0 && verdict.skipped > 0 && cared > 0 && !shots.is_empty());
    for (what, times) in &blows.counts {
        assert!(*times > 0, "{what}: never");
    }
    assert!(left.is_some_and(|left| left < MARGIN * Duration::from_secs(2)), "{left:?}");
    assert!(killed.is_some_and(|killed| killed < MARGIN * (LEASE + Duration::from_secs(1))), "{killed:?}");
    if seconds >= LONG {
        let kills: u64 =
            ["runners killed", "runners dead at a fail point"].map(|what| blows.counts[what]).iter().sum();
        let backends = "backends of runners killed, and the server with them";
        assert!(kills + blows.counts[backends] >= KILLS, "{:?}", blows.counts);
        assert_eq!(never, [""; 0], "these never fired");
    }
    Ok(())
}

/// Keeps operators busy until it is told to stop; returns how many events were made to fail, and how many were not parked
/// in time.
async fn take_care(ground: Arc<Ground>, stop: CancellationToken) -> Result<(usize, usize), TestFailure> {
    let (care, mut beats) = (Care::of(&ground), interval(Duration::from_millis(500)));
    let (mut failing, mut late) = (0, 0);
    for nth in 0_usize.. {
        if stop.run_until_cancelled(beats.tick()).await.is_none() {
            break;
        }
        match care_for(&care, nth).await? {
            Some(events) => failing += events,
            None => late += 1,
        }
    }
    Ok((failing, late))
}

/// Lets some events fail, and sees to them; nothing where they were not parked in time.
async fn care_for(care: &Care<'_>, nth: usize) -> Result<Option<usize>, TestFailure> {
    care.let_slots_go_on().await?;
    let stream = format!("sick-{nth}");
    let events = if nth % 6 == 5 { MANY } else { 1 };
    if nth % 6 == 2 {
        return Ok(care.halt(&stream).await?.then_some(events));
    }
    if !care.sicken(&stream, events).await? {
        return Ok(None);
    }
    match nth % 6 {
        1 | 4 => care.discard(&stream).await?,
        0 | 3 => drop(care.retry(&stream).await?),
        _ => {}
    }
    care.cure(&stream).await?;
    care.retry(&stream).await?;
    Ok(Some(events))
}
