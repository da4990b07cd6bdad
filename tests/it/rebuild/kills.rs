//! Processes that are killed at every gap of a rebuild: the next one goes on, and it ends right.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::PostgresStore;
use annals_projections::{RebuildOptions, RebuildState, failpoint};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ground::{Ground, SOON, STREAMS, Totals, append, started_for, totals};
use super::reader::Reader;

/// Tells a process of this test where the log is.
const LOG: &str = "ANNALS_TEST_REBUILD_LOG";

const LEASE: Duration = Duration::from_secs(1);

/// Gaps of the slots that fill, each at a hit that comes while they do.
const FILLING: [&str; 6] = [
    "slot_after_read=kill@5",
    "slot_before_begin=kill@6",
    "slot_before_handler=kill@7",
    "slot_before_checkpoint=kill@8",
    "slot_before_commit=kill@9",
    "slot_after_commit=kill@10",
];

/// The other side of the test: a runner that is killed where its environment says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of the test below, which starts it by this name"]
async fn a_runner_that_is_killed_in_a_gap() -> TestResult {
    let Ok(url) = env::var(LOG) else { return Ok(()) };
    let store = PostgresStore::connect(&url).await?;
    let runner = started_for(&store, Totals { weight: 1, ..Totals::default() }, LEASE).await?;
    std::future::pending::<()>().await;
    drop(runner);
    Ok(())
}

fn spawn(url: &str, armed: &str, noted: &Path) -> Result<Child, TestFailure> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["--exact", "rebuild::kills::a_runner_that_is_killed_in_a_gap", "--ignored", "--nocapture"])
        .envs([(LOG, url), ("ANNALS_FAILPOINTS", armed)])
        .env("ANNALS_FAILPOINTS_LOG", noted)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

/// A file that goes with the test.
struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        // A file that stays behind harms nobody.
        let _ = fs::remove_file(&self.0);
    }
}

/// Lets a process die in a gap, and another one end what it began.
async fn killed_at(ground: &Ground, armed: &str, noted: &Path) -> Result<RebuildState, TestFailure> {
    let is_called_off = armed.starts_with("remove_");
    let options = RebuildOptions {
        // What is called off may not be done before.
        events_per_second: is_called_off.then_some(1),
        ..RebuildOptions::default()
    };
    ground.operator.rebuild(&totals(), &options, armed).await?;
    let mut doomed = spawn(ground.db.url(), armed, noted)?;
    if is_called_off {
        ground.until(|progress| progress.state == RebuildState::Filling).await?;
        ground.operator.cancel_rebuild(&totals(), "a test").await?;
    }
    let died = timeout(SOON, doomed.wait()).await.map_err(|_| format!("{armed}: nobody came by"))??;
    assert!(!died.success());

    let next = started_for(&ground.store, Totals { weight: 1, ..Totals::default() }, LEASE).await?;
    let over = ground.until(|progress| progress.state.is_over()).await;
    next.stop().await;
    Ok(over.map_err(|error| format!("{armed}: {error:?}"))?.state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_at_any_gap_of_a_rebuild_is_gone_on_for_and_all_ends_right() -> TestResult {
    let ground = Ground::fresh().await?;
    let first = started_for(&ground.store, Totals { weight: 1, ..Totals::default() }, LEASE).await?;
    ground.reached(ground.append(30).await?).await?;
    first.stop().await;
    let reader = Reader::begin(ground.db.connect().await?);
    let (appended, done) = (Arc::new(AtomicU64::new(30)), CancellationToken::new());
    let appending = {
        let (store, appended, done) = (ground.store.clone(), Arc::clone(&appended), done.clone());
        tokio::spawn(async move {
            while !done.is_cancelled() {
                append(&store, 1).await?;
                appended.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(100)).await;
            }
            Ok::<_, TestFailure>(())
        })
    };
    let noted = Noted(env::temp_dir().join(format!("annals-rebuild-{}", std::process::id())));
    let gaps = failpoint::rebuild::ALL.iter().map(|point| format!("{}=kill@1", point.name()));
    let gaps: Vec<String> = gaps.chain(FILLING.map(str::to_owned)).collect();

    for armed in &gaps {
        let ended = killed_at(&ground, armed, &noted.0).await?;
        let expected =
            if armed.starts_with("remove_") { RebuildState::Cancelled } else { RebuildState::Done };
        assert_eq!(ended, expected, "{armed}");
        assert_eq!((ground.left_behind().await?, ground.rows_left().await?), (vec![], 0), "{armed}");
    }
    done.cancel();
    appending.await??;
    let last = started_for(&ground.store, Totals { weight: 1, ..Totals::default() }, LEASE).await?;
    let end = ground.append(1).await?;
    ground.reached(end).await?;
    last.stop().await;

    let (read, counted) = (reader.end().await?, ground.counted().await?);
    let fired = fs::read_to_string(&noted.0)?.lines().count();
    let events = (appended.load(Ordering::Relaxed) as usize + 1) * STREAMS;
    println!("{fired} kills at {} gaps, {events} events, {} reads", gaps.len(), read.reads);
    assert!(fired >= 20 && fired == gaps.len(), "{fired} of {}", gaps.len());
    assert_eq!((counted.events, counted.weight), (events as i64, events as i64));
    assert_eq!((counted.notes, counted.noted), (events as i64, events as i64), "each event once");
    assert!(read.reads > 0 && read.fewer.is_empty(), "{:?}", read.fewer);
    Ok(())
}
