//! Whatever commands meet on their way, they come to what they would come to one after another, each once.
//!
//! Many tasks send commands at random along every way there is: handles, the repository, and the repository with a
//! cache, each in two processes, with snapshots behind them. Vaults leave memory after two milliseconds, processes die
//! with everything in them, sessions are terminated and backends killed, callers leave, commands are sent again. What
//! stands in the log then, and what was answered, is compared with a model that knows no concurrency.
//!
//! `ANNALS_COMMANDS_SECONDS` says how long, 10 by default; `just commands` takes five minutes. `ANNALS_COMMANDS_SEED`
//! draws the same commands again; how they meet is left to the machine.

mod broken_cache;
mod checker;
mod model;
mod process;
mod record;
mod stage;
mod vault;
mod watched;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use annals_devdb::TestResult;
use tokio::task::JoinSet;

use crate::support::Dice;
use stage::Stage;
use worker::send_commands;

const SECONDS_DEFAULT: u64 = 10;

/// How many send commands at the same time.
const WORKERS: u64 = 10;

/// What has to have happened, or the run says nothing.
const HAPPENED: [&str; 14] = [
    "commands sent",
    "accepted",
    "refused",
    "nothing to do",
    "conflicts",
    "appends of several commands",
    "repeats sent",
    "repeats sent at once",
    "repeats answered with the first result",
    "loads from a snapshot",
    "vaults let go of",
    "processes killed",
    "sessions terminated",
    "backends killed",
];

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_commands_meet_they_come_to_what_they_would_one_after_another() -> TestResult {
    let seconds = number_of("ANNALS_COMMANDS_SECONDS").unwrap_or(SECONDS_DEFAULT);
    let seed = number_of("ANNALS_COMMANDS_SEED").unwrap_or_else(|| std::process::id().into());
    println!("commands: {seconds} s, ANNALS_COMMANDS_SEED={seed}");
    let stage = Arc::new(Stage::open(Duration::from_secs(seconds)).await?);

    let mut workers = JoinSet::new();
    for worker in 1..=WORKERS {
        workers.spawn(send_commands(Arc::clone(&stage), worker, Dice::new(seed * 100 + worker)));
    }
    stage.kill(Dice::new(seed)).await?;
    workers.join_all().await;
    stage.close().await?;

    let attempts = stage.record.attempts();
    print!("{}", stage.record.lines());
    let log = stage.server.store().await?;
    let faults = checker::faults(&log, &attempts).await?;
    log.close().await;
    assert!(faults.is_empty(), "{} faults, seed {seed}:\n{}", faults.len(), faults.join("\n"));
    for what in HAPPENED {
        assert!(stage.record.times(what) > 0, "{what}: never");
    }
    Ok(())
}
