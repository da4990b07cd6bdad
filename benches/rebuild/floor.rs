//! The floor: the statement of the read model, fed from arrays in memory, over as many connections as there are slots.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::server::connect;
use crate::{BATCH, Outcome, SLOTS, STREAMS, models};

/// Fills a table of its own as the read model would be; returns how long that took.
pub(crate) async fn measured(url: &str, events: usize) -> Outcome<Duration> {
    let setup = connect(url).await?;
    let tables = format!("create schema floor; set search_path = floor; {}", models::TABLES);
    setup.batch_execute(&tables).await?;
    let mut clients = Vec::new();
    for _ in 0..SLOTS {
        let client = connect(url).await?;
        client.batch_execute("set search_path = floor").await?;
        clients.push(client);
    }
    let batches = events / BATCH;
    let begun = Instant::now();
    let filled = clients.iter_mut().enumerate().map(|(slot, client)| async move {
        for n in (slot..batches).step_by(usize::from(SLOTS)) {
            let (stream, round) = (models::stream(n), n / STREAMS);
            let streams = vec![stream.as_str(); BATCH];
            let versions: Vec<i64> = numbers(round * BATCH);
            let positions: Vec<i64> = numbers(n * BATCH);
            let transaction = client.transaction().await?;
            transaction.execute(models::INSERT, &[&streams, &versions, &positions]).await?;
            transaction.commit().await?;
        }
        Ok::<_, tokio_postgres::Error>(())
    });
    try_join_all(filled).await?;
    let took = begun.elapsed();
    let rows: i64 = setup.query_one("select count(*) from floor.entries", &[]).await?.get(0);
    if usize::try_from(rows)? != batches * BATCH {
        return Err(format!("the floor has {rows} rows").into());
    }
    Ok(took)
}

fn numbers(from: usize) -> Vec<i64> {
    (from..from + BATCH).map(|n| i64::try_from(n).unwrap_or(i64::MAX)).collect()
}
