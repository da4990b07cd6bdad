//! Folding several streams into one state, on demand.
//!
//! Guarantees
//! - events are taken in the order of the log, and of each stream a prefix of what the log shows;
//! - one page a stream is in memory, however long the streams are.
//!
//! Leaves to others: keeping the result. What is asked for often is a projection.

use std::collections::VecDeque;

use annals_eventstore::{DecodeError, EventStore, ReadError, RecordedEvent, StreamName, Version};

use crate::error::LoadError;

/// How many events are read ahead, of all streams together.
const READ_AHEAD_EVENTS: usize = 2000;

/// What several streams add up to, and how far each was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded<T> {
    /// What the events add up to.
    pub state: T,
    /// Each stream with the version of its last event that was taken. To decide on the state, have the streams
    /// checked at these versions ([`Together::check`](crate::Together::check)).
    pub versions: Vec<(StreamName, Version)>,
}

/// Folds several streams into one state, event by event in the order of the log.
///
/// The streams are read one after the other while others may append: each is as it was at some moment of the
/// call. A stream that does not exist counts as empty.
///
/// # Errors
///
/// [`LoadError::Read`], or [`LoadError::Decode`] from `take`.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::fold_streams;
/// # use annals_eventstore::{Append, EventStore, MemoryStore, NewEvent};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::new();
/// # for stream in ["account-7", "account-8"] {
/// #     store.append(Append::to(stream.parse()?, [NewEvent::new("money-deposited", &5)?])).await?;
/// # }
/// let accounts = ["account-7".parse()?, "account-8".parse()?];
/// let deposits = fold_streams(&store, accounts, 0, |deposits, event| {
///     if event.event_type.as_str() == "money-deposited" {
///         *deposits += 1;
///     }
///     Ok(())
/// });
/// assert_eq!(deposits.await?.state, 2);
/// # Ok(())
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
/// ```
pub async fn fold_streams<S: EventStore, T>(
    store: &S,
    streams: impl IntoIterator<Item = StreamName>,
    mut state: T,
    mut take: impl FnMut(&mut T, &RecordedEvent) -> Result<(), DecodeError>,
) -> Result<Folded<T>, LoadError> {
    let mut cursors: Vec<Cursor> = streams.into_iter().map(Cursor::new).collect();
    let page_events = (READ_AHEAD_EVENTS / cursors.len().max(1)).max(1);
    loop {
        for cursor in &mut cursors {
            cursor.fill(store, page_events).await?;
        }
        let oldest = cursors.iter_mut().filter(|cursor| !cursor.page.is_empty());
        let oldest = oldest.min_by_key(|cursor| cursor.page.front().map(|event| event.position));
        let Some((event, cursor)) = oldest.and_then(|cursor| Some((cursor.page.pop_front()?, cursor))) else {
            break;
        };
        take(&mut state, &event)?;
        cursor.version = event.version;
    }
    let versions = cursors.into_iter().map(|cursor| (cursor.stream, cursor.version)).collect();
    Ok(Folded { state, versions })
}

/// One stream on its way through the fold.
struct Cursor {
    stream: StreamName,
    version: Version,
    page: VecDeque<RecordedEvent>,
    ended: bool,
}

impl Cursor {
    fn new(stream: StreamName) -> Self {
        Self { stream, version: Version::NONE, page: VecDeque::new(), ended: false }
    }

    async fn fill<S: EventStore>(&mut self, store: &S, page_events: usize) -> Result<(), ReadError> {
        if self.ended || !self.page.is_empty() {
            return Ok(());
        }
        match store.read_tail(&self.stream, self.version, page_events).await {
            Ok(tail) => {
                self.ended = tail.events.last().is_none_or(|last| last.version >= tail.version);
                self.page = tail.events.into();
            }
            Err(ReadError::StreamNotFound(_)) => self.ended = true,
            Err(fault) => return Err(fault),
        }
        Ok(())
    }
}
