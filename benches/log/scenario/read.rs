//! Reading: a log is filled once, then read whole and stream by stream.
//!
//! The floors run the same selects as plain prepared statements and look at every column without keeping any.

use std::sync::Arc;

use annals::eventstore::StreamName;

use super::populate::populate;
use super::{read_log, read_stream};
use crate::Outcome;
use crate::bench::Bench;
use crate::contest::{self, Contest};

/// Measures catching up on one connection, and streams on all numbers of connections.
pub(crate) async fn run(bench: &Bench) -> Outcome {
    let Bench { server, options, .. } = bench;
    let wanted = |connections: &usize| options.wants(&read_stream::name(*connections));
    let stream_levels: Vec<usize> = options.connections.iter().copied().filter(wanted).collect();
    if stream_levels.is_empty() && !options.wants(read_log::NAME) {
        return Ok(());
    }
    eprintln!("filling a log of {} events ...", options.events);
    let database = server.database("read", options).await?;
    let store = database.store(1).await?;
    let streams: Arc<[StreamName]> = populate(&store, options.events).await?.into();
    database.vacuum().await?;

    if options.wants(read_log::NAME) {
        let events = database.count("annals.events").await?;
        decide(read_log::contest(&database, &store, events).await?, bench).await?;
    }
    store.close().await;
    for connections in stream_levels {
        let store = database.store(connections).await?;
        decide(read_stream::contest(&database, &store, &streams, connections).await?, bench).await?;
        store.close().await;
    }
    Ok(())
}

async fn decide(contest: Contest, bench: &Bench) -> Outcome {
    let mut contests = [contest];
    contest::run(&mut contests, bench).await?;
    contests.iter().for_each(|contest| bench.report.verdict(&contest.verdict()));
    Ok(())
}
