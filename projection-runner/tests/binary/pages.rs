//! The pages say whether a runner lives and whether it is ready, and those are different things.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};

use crate::support::{Log, OwnServer, Process, SOON, append, ask, bank, get, until};

/// Tells whether all checks of a page hold, by name.
fn checks(page: &serde_json::Value) -> Result<Vec<(String, bool)>, TestFailure> {
    let checks = page["checks"].as_array().ok_or("the page has checks")?;
    let check = |check: &serde_json::Value| {
        (check["check"].as_str().unwrap_or_default().to_owned(), check["ok"] == true)
    };
    Ok(checks.iter().map(check).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_is_not_ready_while_its_database_is_down_and_lives_all_the_while() -> TestResult {
    let mut own = OwnServer::start("ready").await?;
    let mut runner = Process::run(&own.url(), &bank(), &["--lease", "2"]).await?;
    let ready = ask(runner.http(), "/readyz", 200).await?;
    let names: Vec<String> = checks(&ready.json()?)?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["started", "not_stopping", "leases", "log", "read_models", "lag"]);

    own.server.stop().await?;
    let down = ask(runner.http(), "/readyz", 503).await?;
    // Longer than the loops may stand still.
    let mut asked = 0;
    let until = tokio::time::Instant::now() + Duration::from_secs(8);
    while tokio::time::Instant::now() < until {
        let live = get(runner.http(), "/livez").await?;
        assert_eq!(live.status, 200, "{live:?}");
        asked += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let metrics = get(runner.http(), "/metrics").await?;
    own.server.start().await?;
    let up = ask(runner.http(), "/readyz", 200).await?;

    println!("while the database was down: {}; /livez was asked {asked} times", down.first_reason()?);
    let failed: Vec<_> = checks(&down.json()?)?.into_iter().filter(|(_, ok)| !ok).collect();
    assert!(failed.iter().any(|(name, _)| name == "log"), "{down:?}");
    assert!(failed.iter().any(|(name, _)| name == "read_models"), "{down:?}");
    assert!(asked > 20 && checks(&up.json()?)?.iter().all(|(_, ok)| *ok), "{up:?}");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.body.contains(r#"annals_projection_looks_total{outcome="failed"} 1"#),
        "{}",
        metrics.body
    );
    runner.signal("TERM").await?;
    assert_eq!(runner.wait().await?.code(), Some(0), "{}", runner.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_stands_still_is_told_by_name_until_it_turns_again() -> TestResult {
    let log = Log::fresh().await?;
    let mut client = log.connect().await?;
    let runner = Process::run(log.url(), &bank(), &["--lease", "1"]).await?;
    let lives = get(runner.http(), "/livez").await?;
    assert_eq!((lives.status, &lives.json()?["alive"]), (200, &true.into()));

    let held = client.transaction().await?;
    held.batch_execute("lock table annals.runners in access exclusive mode").await?;
    let still = ask(runner.http(), "/livez", 503).await?;
    let not_ready = ask(runner.http(), "/readyz", 503).await?;
    held.rollback().await?;
    ask(runner.http(), "/livez", 200).await?;
    ask(runner.http(), "/readyz", 200).await?;

    let page = still.json()?;
    println!("{}; {}", page["reason"], not_ready.first_reason()?);
    let reason = page["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("the loop ") && reason.contains("has stood still for 3."), "{page}");
    assert!(not_ready.first_reason()?.starts_with("leases were last renewed "), "{not_ready:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_whose_slots_are_far_behind_is_not_ready_and_says_which() -> TestResult {
    let log = Log::fresh().await?;
    let (client, mut other) = (log.connect().await?, log.connect().await?);
    let runner = Process::run(log.url(), &bank(), &["--ready-lag", "0.5"]).await?;
    ask(runner.http(), "/readyz", 200).await?;

    let held = other.transaction().await?;
    held.batch_execute("lock table bank_balances.balances in exclusive mode").await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    let behind = ask(runner.http(), "/readyz", 503).await?;
    held.rollback().await?;
    until(&client, "select account from bank_balances.balances", "ada").await?;
    ask(runner.http(), "/readyz", 200).await?;

    let reason = behind.first_reason()?;
    println!("{reason}");
    assert!(reason.starts_with("bank.sql-balances version 1 is "), "{reason}");
    assert!(reason.ends_with(" s behind the log"), "{reason}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_finishes_its_batches_is_not_ready_and_lives() -> TestResult {
    let log = Log::fresh().await?;
    let (client, mut other) = (log.connect().await?, log.connect().await?);
    let mut runner = Process::run(log.url(), &bank(), &["--lease", "1"]).await?;
    let held = other.transaction().await?;
    held.batch_execute("lock table bank_balances.balances in exclusive mode").await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    let waiting = "select count(*)::text from pg_locks where not granted and relation = 'bank_balances.balances'::regclass";
    until(&client, waiting, "1").await?;

    runner.signal("TERM").await?;
    let stopping = ask(runner.http(), "/readyz", 503).await?;
    // Longer than a loop may stand still otherwise.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let lives = get(runner.http(), "/livez").await?;
    held.rollback().await?;
    let ended = runner.wait().await?;

    assert_eq!(stopping.first_reason()?, "the runner was told to stop");
    assert_eq!(lives.status, 200, "{lives:?}");
    assert_eq!(ended.code(), Some(0), "{}", runner.said());
    until(&client, "select account from bank_balances.balances", "ada").await?;
    Ok(())
}

// Elsewhere the machine has one loopback address.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_is_starting_lives_and_is_not_ready_and_a_signal_ends_it() -> TestResult {
    use serde_json::json;
    use tokio::net::{TcpListener, TcpStream};

    let log = Log::fresh().await?;
    let mut client = log.connect().await?;
    let held = client.transaction().await?;
    held.batch_execute("lock table annals.projections in access exclusive mode").await?;
    // Where the runner is can only be asked once it has started, and a port that is free now may be somebody's soon; but no
    // other test is at this address.
    let place = TcpListener::bind("127.0.0.77:0").await?.local_addr()?.to_string();
    let http = format!("http://{place}");
    let begun = tokio::time::Instant::now();
    let mut runner = Process::begin(log.url(), &bank(), &["--http", &place])?;

    while TcpStream::connect(&place).await.is_err() {
        assert!(begun.elapsed() < SOON, "it does not listen: {}", runner.said());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lives = get(&http, "/livez").await?.json()?;
    let ready = get(&http, "/readyz").await?;
    let projections = get(&http, "/projections").await?;
    let metrics = get(&http, "/metrics").await?;
    runner.signal("TERM").await?;
    let ended = runner.wait().await?;

    assert_eq!((&lives["alive"], &lives["loops"]), (&true.into(), &json!([])));
    assert_eq!((ready.status, ready.first_reason()?.as_str()), (503, "the runner is starting"));
    assert_eq!((projections.status, metrics.status), (503, 200));
    assert_eq!(ended.code(), Some(0), "{}", runner.said());
    held.rollback().await?;
    Ok(())
}
