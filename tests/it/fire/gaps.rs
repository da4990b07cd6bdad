//! Every gap that has a fail point: a runner dies in it, or fails, and the next one finds nothing lost and nothing done twice.

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::failpoint::FailPoint;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::blows::needs;
use super::care::{Care, MANY};
use super::fired::all;
use super::ground::{Ground, PATIENCE};
use super::hosted::NOTED;
use super::judge::{Faults, judge};
use super::process::Process;
use crate::support::TestDb;

const LEASE: Duration = Duration::from_secs(1);

/// So many databases are worked on at once, each by one runner after the other.
const LANES: usize = 3;
const STREAMS: usize = 16;

/// So many runners share the faults that pass.
const TURNS: usize = 4;

/// Everything that a runner does, once, on streams that have a name of their own.
async fn everything(care: &Care<'_>, name: &str, many: usize) -> TestResult {
    for n in 0..STREAMS {
        care.append(&format!("{name}-{n}"), NOTED, 2).await?;
    }
    let (cured, discarded, halted) =
        (format!("cured-{name}"), format!("incurable-{name}"), format!("halted-{name}"));
    assert!(care.sicken(&cured, many).await?, "events are not parked");
    care.retry(&cured).await?;
    care.cure(&cured).await?;
    care.retry(&cured).await?;
    assert!(care.sicken(&discarded, 1).await?, "events are not parked");
    care.discard(&discarded).await?;
    assert!(care.halt(&halted).await?, "no slot has stopped");
    care.append(&halted, NOTED, 1).await?;
    care.caught_up().await
}

/// Lets one runner after the other die, each at a fail point of its own.
async fn die_at_each(lane: usize, points: Vec<&'static str>) -> Result<usize, TestFailure> {
    let db = TestDb::fresh().await?;
    let ground = Ground::open(&format!("gaps-{lane}"), db.url(), LEASE).await?;
    let care = Care::of(&ground);
    for point in &points {
        let mut runner = Process::start_to_die(&ground, point, 1, needs(point))?;
        let many = if *point == "retry_before_becoming" { MANY } else { 1 };
        let dies = async {
            let name = point.replace('_', "");
            tokio::select! {
                died = runner.ended() => return died.map(|_| true),
                done = everything(&care, &name, many) => done?,
            }
            // What is left to die over is leaving.
            runner.leave().await
        };
        let died = timeout(2 * PATIENCE, dies).await.map_err(|_| format!("nobody came to {point}"))??;
        assert!(died, "nobody died at {point}");
    }
    let mut last = Process::start(&ground, "")?;
    care.bring_to_an_end().await?;
    last.leave().await?;

    let shots = ground.fired.shots()?;
    let killed: Vec<&str> =
        shots.iter().filter(|shot| shot.action == "kill").map(|shot| shot.point.as_str()).collect();
    assert_eq!(killed, points, "each died where it was to die");
    let verdict = judge(&ground).await?;
    println!(
        "lane {lane}: {} died, {} events, {} owners of slots",
        killed.len(),
        verdict.events,
        verdict.owners
    );
    assert_eq!(verdict.faults, Faults::default());
    Ok(killed.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_dies_in_any_gap_leaves_nothing_lost_and_nothing_done_twice() -> TestResult {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let points = all().map(FailPoint::name).skip(lane).step_by(LANES).collect();
        lanes.spawn(die_at_each(lane, points));
    }
    let mut died = 0;
    while let Some(lane) = lanes.join_next().await {
        died += lane??;
    }

    println!("gaps: {died} runners died, each in a gap of its own");
    assert_eq!(died, all().count());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_passes_in_any_gap_leaves_nothing_lost_and_nothing_done_twice() -> TestResult {
    let db = TestDb::fresh().await?;
    let ground = Arc::new(Ground::open("faults", db.url(), LEASE).await?);
    let care = Care::of(&ground);
    // Not all of them in one: a slot that fails again and again waits longer and longer.
    for turn in 0..TURNS {
        let faults = all().skip(turn).step_by(TURNS).map(|point| format!("{}=error@1", point.name()));
        let needs = all().skip(turn).step_by(TURNS).map(|point| needs(point.name()).to_owned());
        let mut runner = Process::start(&ground, &faults.chain(needs).collect::<Vec<_>>().join(";"))?;
        everything(&care, &format!("turn{turn}"), MANY).await?;
        runner.leave().await?;
    }

    let mut last = Process::start(&ground, "")?;
    care.bring_to_an_end().await?;
    last.leave().await?;

    let never = ground.fired.report()?;
    let verdict = judge(&ground).await?;
    println!("faults: {} in {} events", ground.fired.shots()?.len(), verdict.events);
    assert_eq!(verdict.faults, Faults::default());
    assert_eq!(never, [""; 0], "no fault there");
    Ok(())
}
