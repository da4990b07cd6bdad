//! What holds for every stretch of events a log hands out.

use std::collections::{HashMap, HashSet};

use crate::append::Appended;
use crate::conformance::failure::{CaseResult, ensure, ensure_eq};
use crate::conformance::given::{ids_of, recorded_ids_of, whole_stream};
use crate::event::{NewEvent, RecordedEvent};
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::Version;

/// Fails unless positions rise, every stream's versions go 1, 2, 3, … and no event comes twice.
pub(super) fn ensure_log_order(events: &[RecordedEvent]) -> CaseResult {
    let mut seen = HashSet::new();
    let mut versions: HashMap<&StreamName, Version> = HashMap::new();
    for event in events {
        let told = format!("event {} of {}, position {}", event.version, event.stream, event.position);
        ensure!(seen.insert(event.id), "{told} came twice");
        let version = versions.entry(&event.stream).or_default();
        ensure_eq!(event.version, version.next(), "{told}: version in the order of the log");
        *version = event.version;
    }
    for pair in events.windows(2) {
        let (before, after) = (pair[0].position, pair[1].position);
        ensure!(before < after, "position {after} comes after position {before}");
    }
    Ok(())
}

/// Fails unless a receipt tells where the stream now holds the events that were appended.
pub(super) async fn ensure_receipt<S: EventStore>(
    store: &S,
    stream: &StreamName,
    appended: &Appended,
    events: &[NewEvent],
) -> CaseResult {
    let stored = whole_stream(store, stream).await?;
    let told = format!("receipt of {} events to {stream}", events.len());
    let first = usize::try_from(appended.from_version.get() - 1)?;
    let last = usize::try_from(appended.to_version.get())?;
    let Some(recorded) = stored.get(first..last) else {
        let has = stored.len();
        return Err(super::CaseFailure::new(format!("{told}: {appended:?}, the stream has {has} events")));
    };
    ensure_eq!(recorded_ids_of(recorded), ids_of(events), "{told}: ids of the stored events");
    let (first, last) = (&recorded[0], &recorded[recorded.len() - 1]);
    ensure_eq!(first.version, appended.from_version, "{told}: first version");
    ensure_eq!(last.version, appended.to_version, "{told}: last version");
    ensure_eq!(first.position, appended.from_position, "{told}: first position");
    ensure_eq!(last.position, appended.to_position, "{told}: last position");
    Ok(())
}
