//! Twenty processes that start at once from nothing end up with one server.

use std::{collections::BTreeSet, fs, process::Output, time::Duration, time::Instant};

use annals_devdb::{Profile, Server, TestResult};

use crate::{
    children,
    client::connect,
    scratch::{Scratch, servers_below},
};

const PROCESSES: u64 = 20;
const ROUNDS: u64 = 10;

#[test]
fn twenty_processes_that_start_from_nothing_share_one_server_ten_times_over() {
    for round in 1..=ROUNDS {
        let scratch = Scratch::new();
        // Every other round all at once; else one after another, at a pace that spreads them over initdb and start.
        let pace = if round % 2 == 0 { Duration::ZERO } else { Duration::from_millis(5 * round) };

        let began = Instant::now();
        let outputs = twenty(&scratch, pace);
        let took = began.elapsed();

        let servers: BTreeSet<String> =
            outputs.iter().filter_map(|output| children::answer(output, "server")).collect();
        let answers = outputs.iter().filter(|output| children::answer(output, "server").is_some()).count();
        let starts = outputs
            .iter()
            .filter(|output| children::text(output).contains("annals: started PostgreSQL"))
            .count();
        println!("round {round}: {answers} processes, {} server, {starts} start, {took:?}", servers.len());
        for output in outputs.iter().filter(|output| !output.status.success()) {
            println!("{}", children::text(output));
        }
        assert_eq!(answers as u64, PROCESSES, "every process must get a server");
        assert_eq!(servers.len(), 1, "one server for all: {servers:?}");
        assert_eq!(starts, 1);
        assert_eq!(servers_below(scratch.folder()).len(), 1);

        scratch.stop();
        assert!(servers_below(scratch.folder()).is_empty());
    }
}

/// Starts the children, sets them off together, and waits for all.
fn twenty(scratch: &Scratch, pace: Duration) -> Vec<Output> {
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|number| {
            let mut command =
                children::command("one_server::a_child", "use the shared server", scratch.folder());
            command
                .env("BARRIER", scratch.folder().join("go"))
                .env("DELAY_MS", (pace * u32::try_from(number).unwrap()).as_millis().to_string());
            command.spawn().unwrap()
        })
        .collect();
    for child in &mut children {
        assert_eq!(children::said(child, "waiting"), "yes");
    }
    fs::write(scratch.folder().join("go"), "").unwrap();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    println!("waiting=yes");
    let barrier = std::env::var("BARRIER")?;
    while !fs::exists(&barrier)? {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(std::env::var("DELAY_MS")?.parse()?));

    let server = Server::shared(Profile::Test).await?;

    // What the server itself says tells two servers apart even where a process id was used again.
    let client = connect(&server.url("postgres")).await?;
    let row = client.query_one("select pg_postmaster_start_time()::text", &[]).await?;
    println!("server={} {}", server.pid().ok_or("the server must have a process id")?, row.get::<_, &str>(0));
    Ok(())
}
