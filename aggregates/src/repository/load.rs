//! Loading: a stream folded into a state, page by page.
//!
//! Guarantees
//! - a state is the fold of a prefix of what the log shows of the stream, also where the stream was deleted and
//!   began again since the state was last brought up to date;
//! - the next page is asked for before the one at hand is decoded, so reading and decoding overlap;
//! - at most two pages are in memory.

use std::time::Instant;

use annals_eventstore::{Event, ReadError, RecordedEvent, StreamName, StreamTail, Version};
use chrono::{DateTime, Utc};

use super::ports::Snapshots;
use super::source::Source;
use crate::aggregate::Aggregate;
use crate::baseline::Baseline;
use crate::error::LoadError;
use crate::loaded::Loaded;

/// Loads an aggregate as it is, from its youngest snapshot where there are snapshots.
pub(super) async fn load_baseline<A: Aggregate>(
    source: &impl Source,
    snapshots: Option<&dyn Snapshots<A>>,
    page_events: usize,
    stream: &StreamName,
) -> Result<Baseline<A>, LoadError> {
    let began = Instant::now();
    let Start { mut baseline, tail } = start(snapshots, stream, Version::MAX, page_events).await;
    replay(source, page_events, stream, &mut baseline.loaded, tail, Until::End).await?;
    baseline.replay = began.elapsed();
    Ok(baseline)
}

/// Loads an aggregate as it was when its stream was at a version.
pub(super) async fn load_at<A: Aggregate>(
    source: &impl Source,
    snapshots: Option<&dyn Snapshots<A>>,
    page_events: usize,
    id: &A::Id,
    wanted: Version,
) -> Result<Loaded<A>, LoadError> {
    let stream = A::stream_name(id)?;
    let until = Until::Version(wanted);
    let limit = until.limit_behind(Version::NONE, page_events);
    let Start { mut baseline, tail } = start(snapshots, &stream, wanted, limit).await;
    replay(source, page_events, &stream, &mut baseline.loaded, tail, until).await?;
    let loaded = baseline.loaded;
    if loaded.version < wanted {
        return Err(LoadError::VersionNotReached { stream, wanted, actual: loaded.version });
    }
    Ok(loaded)
}

/// Loads an aggregate as it was at a time.
pub(super) async fn load_at_time<A: Aggregate>(
    source: &impl Source,
    page_events: usize,
    id: &A::Id,
    time: DateTime<Utc>,
) -> Result<Loaded<A>, LoadError> {
    let stream = A::stream_name(id)?;
    let mut loaded = Loaded::default();
    replay(source, page_events, &stream, &mut loaded, None, Until::Time(time)).await?;
    Ok(loaded)
}

/// Takes in what is new since the state was loaded: everything, for a default one.
pub(crate) async fn catch_up<A: Aggregate>(
    source: &impl Source,
    page_events: usize,
    stream: &StreamName,
    loaded: &mut Loaded<A>,
) -> Result<(), LoadError> {
    replay(source, page_events, stream, loaded, None, Until::End).await
}

/// Where a load begins, with the first page if it came along.
struct Start<A> {
    baseline: Baseline<A>,
    tail: Option<Result<StreamTail, ReadError>>,
}

async fn start<A: Aggregate>(
    snapshots: Option<&dyn Snapshots<A>>,
    stream: &StreamName,
    up_to: Version,
    limit: usize,
) -> Start<A> {
    let (baseline, tail) = match snapshots {
        None => (Baseline::default(), None),
        Some(snapshots) => match snapshots.start(stream, up_to, limit).await {
            Ok(Some(start)) => (start.baseline, Some(Ok(start.tail))),
            Ok(None) => (Baseline::default(), None),
            Err(fault) => (Baseline::default(), Some(Err(fault))),
        },
    };
    Start { baseline, tail }
}

/// Where a replay ends.
#[derive(Clone, Copy)]
enum Until {
    End,
    Version(Version),
    Time(DateTime<Utc>),
}

impl Until {
    fn takes(self, event: &RecordedEvent) -> bool {
        match self {
            Self::End => true,
            Self::Version(wanted) => event.version <= wanted,
            Self::Time(time) => event.recorded_at <= time,
        }
    }

    /// Returns how many events are worth asking for behind a version.
    fn limit_behind(self, version: Version, page_events: usize) -> usize {
        match self {
            Self::End | Self::Time(_) => page_events,
            Self::Version(wanted) => {
                let missing = wanted.get().saturating_sub(version.get());
                usize::try_from(missing).unwrap_or(0).min(page_events)
            }
        }
    }
}

async fn replay<A: Aggregate>(
    source: &impl Source,
    page_events: usize,
    stream: &StreamName,
    loaded: &mut Loaded<A>,
    first: Option<Result<StreamTail, ReadError>>,
    until: Until,
) -> Result<(), LoadError> {
    let read_behind = |version| read_behind(source, stream, version, until, page_events);
    let mut page = match first {
        Some(page) => page,
        None => read_behind(loaded.version).await,
    };
    loop {
        let read = match page {
            Ok(read) => read,
            Err(ReadError::StreamNotFound(_)) => {
                // Nothing has happened, or the stream was deleted since: either way it begins anew.
                *loaded = Loaded::default();
                return Ok(());
            }
            Err(fault) => return Err(fault.into()),
        };
        if loaded.version > Version::NONE && read.first_version > loaded.version {
            // The stream was deleted and began again, or was cut off behind what is known of it.
            *loaded = Loaded::default();
            page = read_behind(loaded.version).await;
            continue;
        }
        let Some(last) = read.events.last().map(|event| event.version) else { return Ok(()) };
        let all_wanted = read.events.iter().all(|event| until.takes(event));
        if !all_wanted || last >= read.version || until.limit_behind(last, page_events) == 0 {
            return fold(loaded, &read.events, until);
        }
        let (next, folded) =
            tokio::join!(biased; read_behind(last), async { fold(loaded, &read.events, until) });
        folded?;
        page = next;
    }
}

async fn read_behind(
    source: &impl Source,
    stream: &StreamName,
    version: Version,
    until: Until,
    page_events: usize,
) -> Result<StreamTail, ReadError> {
    let limit = until.limit_behind(version, page_events);
    if limit == 0 {
        return Ok(StreamTail { events: Vec::new(), first_version: Version::FIRST, version });
    }
    source.tail(stream, version, limit).await
}

fn fold<A: Aggregate>(
    loaded: &mut Loaded<A>,
    events: &[RecordedEvent],
    until: Until,
) -> Result<(), LoadError> {
    for recorded in events.iter().take_while(|event| until.takes(event)) {
        for event in A::Event::decode(recorded)? {
            loaded.state.evolve(&event);
        }
        loaded.version = recorded.version;
    }
    Ok(())
}
