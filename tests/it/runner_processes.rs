//! Runners that are processes, killed and stopped by signals while events are appended: every event once, keys in order.

use std::env;
use std::process::Stdio;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{GlobalPosition, PostgresStore};
use annals_projections::{Runner, RunnerOptions};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::runner::{Audit, STREAMS, all_once, append, audited, reached};
use crate::support::TestDb;

/// Tells a process of this test where the log is.
const LOG: &str = "ANNALS_TEST_RUNNER_LOG";

const LEASE: Duration = Duration::from_secs(1);
const RUNNERS: usize = 3;
const ROUNDS: usize = 12;

/// The other side of the test: a runner that runs until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a process of the test below, which starts it by this name"]
async fn a_runner_in_a_process_of_its_own() -> TestResult {
    let Ok(url) = env::var(LOG) else { return Ok(()) };
    let store = PostgresStore::connect(&url).await?;
    let options = RunnerOptions { lease: LEASE, batches: 4, ..RunnerOptions::default() };
    let runner = Runner::new(&store).options(options).host(|| Audit { runner: "process", gate: None });
    runner.run(CancellationToken::new()).await?;
    Ok(())
}

fn spawn(url: &str) -> Result<Child, TestFailure> {
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["--exact", "runner_processes::a_runner_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env(LOG, url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Ok(command.spawn()?)
}

pub(crate) async fn signal(child: &Child, signal: &str) -> TestResult {
    let process = child.id().ok_or("the process has ended")?.to_string();
    let sent = Command::new("kill").args([signal, &process]).status().await?;
    assert!(sent.success(), "{signal} was not sent to {process}");
    Ok(())
}

/// Waits until every slot is somebody's whose lease is not over; returns how long that took.
pub(crate) async fn all_taken(client: &Client) -> Result<Duration, TestFailure> {
    let begun = Instant::now();
    let sql = "select count(*) from annals.leases where owner is null or lease_until <= clock_timestamp()";
    loop {
        let there = "select to_regclass('audit') is not null and exists (select from annals.leases)";
        let is_there = client.query_one(there, &[]).await?.get::<_, bool>(0);
        if is_there && client.query_one(sql, &[]).await?.get::<_, i64>(0) == 0 {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("slots are nobody's".into());
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_are_killed_and_stopped_by_signals_apply_every_event_once_and_keys_in_order()
-> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let mut runners = (0..RUNNERS).map(|_| spawn(db.url())).collect::<Result<Vec<_>, _>>()?;
    all_taken(&client).await?;

    let appending = {
        let (store, done) = (store.clone(), CancellationToken::new());
        let told = done.clone();
        let task = tokio::spawn(async move {
            let (mut rounds, mut end) = (0, GlobalPosition::START);
            while !told.is_cancelled() {
                end = append(&store, 1).await?;
                rounds += 1;
            }
            Ok::<_, TestFailure>((rounds, end))
        });
        (done, task)
    };
    let (mut killed, mut stopped) = (0, 0);
    for round in 0..ROUNDS {
        let victim = round % RUNNERS;
        if round % 3 == 2 {
            // It stands still until others have its slots, and then wakes with what it had in hand.
            signal(&runners[victim], "-STOP").await?;
            sleep(LEASE + LEASE / 2).await;
            signal(&runners[victim], "-CONT").await?;
            stopped += 1;
        } else {
            signal(&runners[victim], "-KILL").await?;
            runners[victim].wait().await?;
            runners[victim] = spawn(db.url())?;
            killed += 1;
        }
        sleep(LEASE / 4).await;
    }
    appending.0.cancel();
    let (rounds, end) = appending.1.await??;
    let taken = all_taken(&client).await?;
    timeout(Duration::from_secs(60), reached(&client, end)).await??;

    let sql = "select count(distinct (partition, epoch)), max(epoch) from audit";
    let row = client.query_one(sql, &[]).await?;
    let (owners, epoch): (i64, i64) = (row.get(0), row.get(1));
    let audited = audited(&client, &client).await?;
    println!(
        "{} events under {killed} kills and {stopped} stops; {owners} owners of slots wrote, the last epoch is {epoch}; \
         all slots were taken {taken:?} after the end",
        audited.rows
    );
    assert_eq!(audited, all_once(rounds * STREAMS));
    assert_eq!((killed, stopped), (8, 4));
    assert!(epoch > 2, "slots changed hands: {epoch}");
    Ok(())
}
