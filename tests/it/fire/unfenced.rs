//! What keeps a runner from changing anything that neither renews its leases nor looks whose its slots are: the condition
//! of the checkpoint's own update, and nothing else. Without it the same run doubles events.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::appender::{all, append};
use super::care::Care;
use super::ground::Ground;
use super::hosted::SLOTS;
use super::judge::{Faults, Verdict, judge};
use super::process::Process;
use super::sleepers::until_has;
use crate::support::TestDb;

const LEASE: Duration = Duration::from_secs(1);
const APPENDS_A_SECOND: u32 = 100;

/// For the sessions of runners every epoch is the one they hold, and every position the one they know.
const UNFENCED: &str = "
    create schema unfenced;
    create function unfenced.any_will_do(bigint, bigint) returns boolean language sql immutable as 'select true';
    create operator unfenced.= (leftarg = bigint, rightarg = bigint, function = unfenced.any_will_do);
";

/// A pipe that nobody writes to.
struct Pipe(PathBuf);

impl Pipe {
    async fn new(name: &str) -> Result<Self, TestFailure> {
        let path = std::env::temp_dir().join(format!("annals-{name}-{}", std::process::id()));
        let made = Command::new("mkfifo").arg(&path).status().await?;
        assert!(made.success(), "there is no pipe: {made}");
        Ok(Self(path))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Lets a runner lose every slot without knowing, while it goes on.
async fn overtaken(name: &str, is_fenced: bool) -> Result<Verdict, TestFailure> {
    let db = TestDb::fresh().await?;
    let mut ground = Ground::open(name, db.url(), LEASE).await?;
    if !is_fenced {
        ground.client().await?.batch_execute(UNFENCED).await?;
        ground.runners_look_in("unfenced, pg_catalog, annals, public");
    }
    let (ground, pipe, stop) = (Arc::new(ground), Pipe::new(name).await?, CancellationToken::new());
    let care = Care::of(&ground);
    let appending = append(&ground, APPENDS_A_SECOND, &stop);
    let waits = format!("pause:{}", pipe.0.display());
    let mut heartless =
        Process::start(&ground, &format!("heart_before_enter={waits}@3;coordinator_before_look={waits}@3"))?;
    until_has(&ground, &heartless, i64::from(SLOTS)).await?;

    let mut successor = Process::start(&ground, "")?;
    until_has(&ground, &successor, i64::from(SLOTS)).await?;
    for _ in 0..3 {
        tokio::time::sleep(LEASE / 3).await;
        care.caught_up().await?;
    }
    stop.cancel();
    all(appending).await;
    care.caught_up().await?;
    heartless.kill().await?;
    successor.leave().await?;

    let paused = ground.fired.shots()?.iter().filter(|shot| shot.action == "pause").count();
    assert_eq!(paused, 2, "it neither renews nor looks");
    judge(&ground).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_neither_renews_nor_looks_is_refused_by_the_checkpoint_alone() -> TestResult {
    let fenced = overtaken("fenced", true).await?;
    let unfenced = overtaken("unfenced", false).await?;

    println!("fenced: {fenced:?}\nunfenced: {unfenced:?}");
    assert!(fenced.events > 0 && unfenced.events > 0);
    assert_eq!(fenced.faults, Faults::default());
    assert!(unfenced.faults.doubled > 0 && unfenced.faults.wrong_digests > 0, "the fence was not needed");
    Ok(())
}
