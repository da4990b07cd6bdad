//! A runner that stands still for longer than its lease, and wakes in the middle of what it had in hand.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::appender::{all, append};
use super::care::Care;
use super::ground::Ground;
use super::hosted::{NOTED, SLOTS};
use super::judge::{Faults, judge};
use super::process::Process;
use super::{number_of, seed};
use crate::support::{Dice, TestDb};

const ROUNDS_DEFAULT: u64 = 5;
const LEASE: Duration = Duration::from_secs(1);
const APPENDS_A_SECOND: u32 = 100;

/// Where it falls asleep, one after the other.
const GAPS: [&str; 7] = [
    "slot_before_begin",
    "slot_before_checkpoint",
    "slot_after_read",
    "slot_before_commit",
    "slot_before_handler",
    "slot_after_commit",
    "parking_before_release",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_wakes_after_its_lease_changes_nothing() -> TestResult {
    let (rounds, mut dice) = (number_of("ANNALS_FIRE_ROUNDS").unwrap_or(ROUNDS_DEFAULT), Dice::new(seed()));
    let db = TestDb::fresh().await?;
    let ground = Arc::new(Ground::open("sleepers", db.url(), LEASE).await?);
    let stop = CancellationToken::new();
    let appending = append(&ground, APPENDS_A_SECOND, &stop);
    let mut awake = Process::start(&ground, "")?;
    until_has(&ground, &awake, i64::from(SLOTS)).await?;

    let (begun, mut woken, mut overslept) = (Instant::now(), 0, 0);
    for gap in GAPS.iter().cycle().take(usize::try_from(rounds)?) {
        let nth = 1 + dice.roll(8);
        overslept += sleep_and_wake(&ground, &awake, &format!("{gap}=stop@{nth}")).await?;
        woken += 1;
    }
    stop.cancel();
    let appended = all(appending).await;
    Care::of(&ground).bring_to_an_end().await?;
    awake.leave().await?;

    let verdict = judge(&ground).await?;
    println!(
        "sleepers: {woken} woke after their lease in {:.0?}, {overslept} slots had been taken from them; {} events of \
         {} appends, {} owners of slots",
        begun.elapsed(),
        verdict.events,
        appended.answered,
        verdict.owners
    );
    assert_eq!(verdict.faults, Faults::default());
    assert_eq!(woken, rounds);
    let stopped = ground.fired.shots()?.iter().filter(|shot| shot.action == "stop").count();
    assert_eq!(stopped, usize::try_from(rounds)?, "each fell asleep in a gap");
    assert!(overslept >= rounds, "each lost something: {overslept}");
    Ok(())
}

/// Lets a runner sleep until all that it has is another's, and wake; returns how many slots that were.
async fn sleep_and_wake(ground: &Ground, awake: &Process, sleeps: &str) -> Result<u64, TestFailure> {
    let mut sleeper = Process::start(ground, sleeps)?;
    sleeper.stands_still().await?;
    let held = held(ground, &sleeper).await?;
    until_has(ground, awake, i64::from(SLOTS)).await?;
    let care = Care::of(ground);
    for n in 0..4 * SLOTS {
        care.append(&format!("meanwhile-{n}"), NOTED, 1).await?;
    }
    care.caught_up().await?;
    let before = written(ground, &sleeper, &held).await?;

    sleeper.signal("-CONT").await?;
    // Once it takes part again it has long noticed what it lost.
    until_has(ground, &sleeper, 1).await?;

    assert_eq!(written(ground, &sleeper, &held).await?, before, "what it had in hand changed something");
    sleeper.leave().await?;
    Ok(u64::try_from(held.len())?)
}

/// Waits until a process has so many slots at least.
pub(super) async fn until_has(ground: &Ground, process: &Process, slots: i64) -> TestResult {
    let has = "select count(*) from annals.leases as l where l.lease_until > clock_timestamp()
               and l.owner in (select r.runner_id from annals.runners as r where r.name = $1)";
    let what = format!("a runner has no {slots} slots");
    ground.until(&what, has, &[&process.id().to_string()], |has| has >= slots).await
}

/// Returns the slots of a process, and under which epochs.
async fn held(ground: &Ground, process: &Process) -> Result<Vec<(i32, i64)>, TestFailure> {
    let held = "select l.partition, l.epoch from annals.leases as l
                where l.owner in (select r.runner_id from annals.runners as r where r.name = $1)";
    let rows = ground.query(held, &[&process.id().to_string()]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Counts what a process has written under some epochs.
async fn written(ground: &Ground, process: &Process, held: &[(i32, i64)]) -> Result<i64, TestFailure> {
    let written = "select count(*) from audit as a
                   join unnest($2::integer[], $3::bigint[]) as h (partition, epoch)
                     on h.partition = a.partition and h.epoch = a.epoch
                   where a.process = $1";
    let (slots, epochs): (Vec<i32>, Vec<i64>) = held.iter().copied().unzip();
    ground.number(written, &[&i32::try_from(process.id())?, &slots, &epochs]).await
}
