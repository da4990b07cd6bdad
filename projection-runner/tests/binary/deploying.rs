//! Runners that come and go: each gets its share, whoever leaves is replaced at once, whoever dies after its lease.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::support::{Log, Process, SOON, append, bank, until};

const BALANCES: &str =
    "select string_agg(account || ' ' || cents, ', ' order by account) from bank_balances.balances";
const LEASE: Duration = Duration::from_secs(2);
const SHORT: [&str; 2] = ["--lease", "2"];

/// Waits until a runner has so many of the eight slots; returns how long that took.
async fn has(client: &Client, runner: &Process, slots: i64) -> Result<Duration, TestFailure> {
    let begun = Instant::now();
    let sql = "select count(*) from annals.leases where owner::text = $1 and lease_until > clock_timestamp()";
    loop {
        let has: i64 = client.query_one(sql, &[&runner.id()]).await?.get(0);
        if has == slots {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > SOON {
            return Err(format!("it has {has} slots, not {slots}: {}", runner.said()).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_the_slots_and_what_one_leaves_the_other_has_within_two_seconds() -> TestResult {
    let log = Log::fresh().await?;
    let client = log.connect().await?;
    let mut first = Process::run(log.url(), &bank(), &["--name", "first"]).await?;
    has(&client, &first, 8).await?;
    let second = Process::run(log.url(), &bank(), &["--name", "second"]).await?;
    has(&client, &second, 4).await?;
    has(&client, &first, 4).await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;

    let told = Instant::now();
    first.signal("TERM").await?;
    let code = first.wait().await?.code();
    let left = told.elapsed();
    has(&client, &second, 8).await?;
    let taken = told.elapsed();

    println!("a leaving process ended after {left:?}, its slots were taken after {taken:?}");
    assert_eq!(code, Some(0), "{}", first.said());
    assert!(taken < Duration::from_secs(2), "{taken:?}");
    append(&client, "account-ada", "money-deposited", r#"{"amount": 1}"#).await?;
    until(&client, BALANCES, "ada 1").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_is_replaced_when_its_lease_is_over() -> TestResult {
    let log = Log::fresh().await?;
    let client = log.connect().await?;
    let mut first = Process::run(log.url(), &bank(), &SHORT).await?;
    let second = Process::run(log.url(), &bank(), &SHORT).await?;
    has(&client, &second, 4).await?;
    has(&client, &first, 4).await?;

    let killed = Instant::now();
    first.signal("KILL").await?;
    first.wait().await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    has(&client, &second, 8).await?;
    let taken = killed.elapsed();
    until(&client, BALANCES, "ada 0").await?;

    println!("the slots of a killed process were taken after {taken:?}, a lease lasts {LEASE:?}");
    // The machine may be busy with other tests: a lease and a second is what it takes otherwise.
    assert!(taken < LEASE + Duration::from_secs(5), "{taken:?}");
    Ok(())
}
