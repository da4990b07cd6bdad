//! Fills a log for the reading scenarios.

use annals::eventstore::{Append, EventStore, PostgresStore, StreamName};

use crate::Outcome;
use crate::sample::Sample;

/// Events in each stream.
pub(crate) const STREAM_EVENTS: usize = 100;

/// Events in each append: a stream's events lie in tenths over the log, as they would had time passed between.
const APPEND_EVENTS: usize = 10;

/// Appends at least so many events, in streams of [`STREAM_EVENTS`]; returns the streams.
pub(crate) async fn populate(store: &PostgresStore, events: usize) -> Outcome<Vec<StreamName>> {
    let sample = Sample::new()?;
    let streams: Vec<StreamName> = (0..events.div_ceil(STREAM_EVENTS))
        .map(|stream| StreamName::new(format!("account-{stream}")))
        .collect::<Result<_, _>>()?;
    for _ in 0..STREAM_EVENTS / APPEND_EVENTS {
        for stream in &streams {
            let events = (0..APPEND_EVENTS).map(|_| sample.event());
            store.append(Append::to(stream.clone(), events)).await?;
        }
    }
    Ok(streams)
}
