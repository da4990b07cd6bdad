//! Loading: a stream folded into a state, page by page.
//!
//! Guarantees
//! - a state is the fold of a prefix of what the log shows of the stream;
//! - the next page is asked for before the one at hand is decoded, so reading and decoding overlap.

use annals_eventstore::{Event, EventStore, ReadError, RecordedEvent, StreamName, StreamQuery, Version};
use chrono::{DateTime, Utc};

use super::Repository;
use crate::aggregate::Aggregate;
use crate::error::LoadError;
use crate::loaded::Loaded;

pub(super) async fn load<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    id: &A::Id,
) -> Result<Loaded<A>, LoadError> {
    let stream = A::stream_name(id)?;
    let mut loaded = Loaded::default();
    catch_up(repository, &stream, &mut loaded).await?;
    Ok(loaded)
}

pub(super) async fn load_at<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    id: &A::Id,
    wanted: Version,
) -> Result<Loaded<A>, LoadError> {
    let stream = A::stream_name(id)?;
    let mut loaded = Loaded::default();
    replay(repository, &stream, &mut loaded, Until::Version(wanted)).await?;
    if loaded.version < wanted {
        return Err(LoadError::VersionNotReached { stream, wanted, actual: loaded.version });
    }
    Ok(loaded)
}

pub(super) async fn load_at_time<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    id: &A::Id,
    time: DateTime<Utc>,
) -> Result<Loaded<A>, LoadError> {
    let stream = A::stream_name(id)?;
    let mut loaded = Loaded::default();
    replay(repository, &stream, &mut loaded, Until::Time(time)).await?;
    Ok(loaded)
}

/// Takes in what is new since the state was loaded: everything, for a default one.
pub(super) async fn catch_up<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    stream: &StreamName,
    loaded: &mut Loaded<A>,
) -> Result<(), LoadError> {
    replay(repository, stream, loaded, Until::End).await
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

async fn replay<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    stream: &StreamName,
    loaded: &mut Loaded<A>,
    until: Until,
) -> Result<(), LoadError> {
    let read_behind = |version| read_behind(repository, stream, version, until);
    let mut page = read_behind(loaded.version).await;
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
        let more = read.is_full && read.events.iter().all(|event| until.takes(event));
        let Some(last) = read.events.last().map(|event| event.version) else { return Ok(()) };
        if !more {
            return fold(loaded, &read.events, until);
        }
        let (next, folded) =
            tokio::join!(biased; read_behind(last), async { fold(loaded, &read.events, until) });
        folded?;
        page = next;
    }
}

struct Page {
    events: Vec<RecordedEvent>,
    /// There may be more behind it.
    is_full: bool,
}

async fn read_behind<A: Aggregate, S: EventStore>(
    repository: &Repository<A, S>,
    stream: &StreamName,
    version: Version,
    until: Until,
) -> Result<Page, ReadError> {
    let limit = until.limit_behind(version, repository.page_events);
    if limit == 0 {
        return Ok(Page { events: Vec::new(), is_full: false });
    }
    let query = StreamQuery::forward().from(version.next()).limit(limit);
    let events = repository.store.read_stream(stream, query).await?;
    let is_full = events.len() >= limit;
    Ok(Page { events, is_full })
}

fn fold<A: Aggregate>(
    loaded: &mut Loaded<A>,
    events: &[RecordedEvent],
    until: Until,
) -> Result<(), LoadError> {
    for recorded in events.iter().take_while(|event| until.takes(event)) {
        loaded.state.evolve(&A::Event::decode(recorded)?);
        loaded.version = recorded.version;
    }
    Ok(())
}
