//! What the log costs above plain PostgreSQL: `cargo bench --bench log`.
//!
//! Every scenario runs in turn with its floor, the least that the same client could ask of the same server for
//! the same rows, and what counts is the ratio of the two. The server is durable, private and stopped at the
//! end. Method and results stand in `docs/benchmarks.md`; `-- --help` lists the options.
//!
//! Guarantees
//! - what was acknowledged is counted in the database afterwards; a missing event fails the benchmark;
//! - how fast anything is fails nothing.

mod bench;
mod contest;
mod cpu;
mod crew;
mod database;
mod floor;
mod follower;
mod json_text;
mod machine;
mod options;
mod pgbench;
mod report;
mod sample;
mod scenario;
mod server;
mod stats;
mod verdict;

use std::error::Error;
use std::process::ExitCode;

use bench::Bench;
use machine::Machine;
use options::{Command, Options};
use report::Report;
use server::BenchServer;

/// What everything here returns: whoever reads the message is a person.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The exit code of an interrupted program.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Follow(url)) => return ended(follower::follow(&url).await),
        Ok(Command::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(fault) => {
            eprintln!("{fault}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    // Dropping the run stops the server.
    tokio::select! {
        outcome = Box::pin(run(options)) => ended(outcome),
        _ = tokio::signal::ctrl_c() => {
            eprintln!("interrupted");
            ExitCode::from(INTERRUPTED)
        }
    }
}

fn ended(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(next) = cause {
                text = format!("{text}\n  caused by: {next}");
                cause = next.source();
            }
            eprintln!("benchmark failed: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Outcome {
    let report = Report::new(options.json);
    let server = BenchServer::start(&options).await?;
    report.begin(&Machine::read(), &server.facts().await?, &options);
    let bench = Bench { server, options, report };

    for &connections in &bench.options.connections {
        scenario::append::run(&bench, connections).await?;
    }
    scenario::read::run(&bench).await?;
    scenario::live::run(&bench).await?;
    scenario::command::run(&bench).await?;
    let mut skipped = 0;
    for &connections in &bench.options.connections {
        skipped += pgbench::run(&bench, connections).await?;
    }
    bench.report.end(Machine::load().as_deref(), skipped);
    bench.server.stop().await
}
