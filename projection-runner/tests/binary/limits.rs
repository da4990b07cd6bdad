//! Whoever asks too much or too slowly costs the runner little.

use std::time::Duration;

use annals_devdb::TestResult;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::support::{Log, Process, SOON, bank, get, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_limited_in_number_and_in_time_and_silent_connections_end() -> TestResult {
    let log = Log::fresh().await?;
    let (client, mut other) = (log.connect().await?, log.connect().await?);
    let runner = Process::run(log.url(), &bank(), &[]).await?;
    let place = runner.http().strip_prefix("http://").ok_or("the runner has pages")?;
    let mut silent = TcpStream::connect(place).await?;
    let (begun, held) = (Instant::now(), other.transaction().await?);
    held.batch_execute("lock table annals.projections in access exclusive mode").await?;

    let mut asking = JoinSet::new();
    for _ in 0..12 {
        let http = runner.http().to_owned();
        asking.spawn(async move { get(&http, "/projections").await });
    }
    let waiting = "select (count(*) >= 8)::text from pg_locks where not granted and relation = 'annals.projections'::regclass";
    until(&client, waiting, "true").await?;
    let lives = get(runner.http(), "/livez").await?.status;
    let mut said = Vec::new();
    while let Some(page) = asking.join_next().await {
        let page = page??;
        assert_eq!(page.status, 503, "{page:?}");
        said.push(page.json()?["error"].as_str().unwrap_or_default().to_owned());
    }
    let answered = begun.elapsed();
    held.rollback().await?;
    let ended = timeout(SOON, silent.read(&mut [0; 64])).await??;

    let too_many = said.iter().filter(|why| why.contains("too many requests at once")).count();
    let too_long = said.iter().filter(|why| why.contains("there is no answer within 8s")).count();
    println!(
        "of 12 requests {too_many} were too many, {too_long} took too long; all answered after {answered:?}"
    );
    assert_eq!((too_many, too_long, lives), (4, 8, 200), "{said:?}");
    assert!(answered < Duration::from_secs(25), "{answered:?}");
    assert_eq!(ended, 0, "a silent connection is closed");
    assert_eq!(get(runner.http(), "/projections").await?.status, 200);
    Ok(())
}
