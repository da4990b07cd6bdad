//! A program that hosts projections in Rust by the library call: its verbs, its signals and its exit codes.

use std::env;
use std::ffi::OsString;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_runner::Application;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::runner::{Audit, STREAMS, all_once, append, audited, reached};
use crate::runner_processes::{all_taken, signal};
use crate::support::TestDb;

/// Tells a process of this test where the log is, in a way that only the program knows.
const LOG: &str = "ANNALS_TEST_PROGRAM_LOG";
/// What it is told to do, a line for each argument.
const ARGUMENTS: &str = "ANNALS_TEST_PROGRAM_ARGUMENTS";

const SOON: Duration = Duration::from_secs(30);

/// The other side of the test: a program, as somebody else would write it.
#[test]
#[ignore = "a process of the tests below, which start it by this name"]
fn a_program_that_hosts_a_projection() -> ExitCode {
    let (Ok(url), Ok(arguments)) = (env::var(LOG), env::var(ARGUMENTS)) else { return ExitCode::SUCCESS };
    let arguments = ["audited"].into_iter().chain(arguments.lines()).map(OsString::from).collect::<Vec<_>>();
    Application::new("audited")
        .build("1.2.3")
        .host(|| Audit { runner: "program", gate: None })
        .database_otherwise(|| async move { Ok(url.parse()?) })
        .main_with(arguments)
}

fn spawn(db: &TestDb, arguments: &[&str]) -> Result<Child, TestFailure> {
    let mut command = Command::new(env::current_exe()?);
    let name = "projection_runner::a_program_that_hosts_a_projection";
    command.args(["--exact", name, "--ignored", "--nocapture"]);
    command.env(LOG, db.url()).env(ARGUMENTS, arguments.join("\n"));
    // Pages are tried out with the binary; here a program may be built without.
    command.env("ANNALS_RUNNER_HTTP", "off").env_remove("DATABASE_URL");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Waits for the end of a process; returns whether its exit code was 0, and what it printed in JSON.
async fn ended(mut process: Child) -> Result<(bool, Vec<Value>), TestFailure> {
    let mut stdout = process.stdout.take().ok_or("standard output is a pipe")?;
    let mut printed = String::new();
    timeout(SOON, stdout.read_to_string(&mut printed)).await??;
    let status = timeout(SOON, process.wait()).await??;
    let json = printed
        .lines()
        .filter_map(|line| line.find('{').and_then(|at| serde_json::from_str(&line[at..]).ok()));
    Ok((status.success(), json.collect()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_hosts_its_projection_shows_it_and_ends_with_0_when_it_is_told_to() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client) = (db.store(), db.connect().await?);
    let run = ["run", "--lease", "5", "--name", "here", "--json"];
    let (first, second) = (spawn(&db, &run)?, spawn(&db, &run)?);
    all_taken(&client).await?;

    let end = append(&store, 4).await?;
    reached(&client, end).await?;
    let (is_shown, shown) = ended(spawn(&db, &["status", "--json"])?).await?;
    signal(&first, "-TERM").await?;
    let (is_done, started) = ended(first).await?;
    let end = append(&store, 4).await?;
    reached(&client, end).await?;
    let (is_known, listed) = ended(spawn(&db, &["projection", "show", "audit", "--json"])?).await?;
    let (is_unknown, _) = ended(spawn(&db, &["projection", "show", "nobody"])?).await?;
    signal(&second, "-INT").await?;
    let (is_done_too, _) = ended(second).await?;

    let audited = audited(&client, &client).await?;
    println!("{} events applied by two programs, {} slots shown", audited.rows, listed.len());
    assert_eq!(audited, all_once(8 * STREAMS));
    assert_eq!((is_shown, is_done, is_known, is_unknown, is_done_too), (true, true, true, false, true));
    assert_eq!(
        (&started[0]["name"], &started[0]["projections"][0]),
        (&"here".into(), &"audit version 1".into())
    );
    assert_eq!((&shown[0]["projection"], &shown[0]["leased"]), (&"audit".into(), &8.into()));
    assert_eq!((&shown[0]["runners"][0]["build"], &shown[0]["lag_events"]), (&"1.2.3".into(), &0.into()));
    assert_eq!(shown[0]["runners"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed.len(), 8);
    let left: i64 =
        client.query_one("select count(*) from annals.leases where owner is not null", &[]).await?.get(0);
    assert_eq!(left, 0, "whoever is told to stop gives its slots back");
    Ok(())
}
