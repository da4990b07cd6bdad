//! Which events are wanted: of a page of the log, or by a subscription.
//!
//! Guarantees: [`EventFilter::wants`] and the filtered reads of every store pick the same events.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::event::{EventType, RecordedEvent};
use crate::event_id::EventId;
use crate::metadata::{CausationId, CorrelationId};
use crate::stream::{Category, StreamName};

/// The events that are wanted: all, or those that pass every condition that was set.
///
/// What is left out still counts as seen: pages settle behind it, so checkpoints move on.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{Category, EventFilter, EventType};
/// let deposits = EventFilter::all()
///     .categories([Category::new("account")?])
///     .event_types([EventType::new("money-deposited")?]);
/// # let _ = deposits;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub(crate) streams: Option<HashSet<StreamName>>,
    pub(crate) categories: Option<HashSet<Category>>,
    pub(crate) event_types: Option<HashSet<EventType>>,
    pub(crate) ids: Option<HashSet<EventId>>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) causation: Option<CausationId>,
    pub(crate) recorded_since: Option<DateTime<Utc>>,
    pub(crate) recorded_before: Option<DateTime<Utc>>,
}

impl EventFilter {
    /// Wants every event.
    pub fn all() -> Self {
        Self::default()
    }

    /// Wants events of these streams only; they need not exist yet.
    #[must_use]
    pub fn streams(self, streams: impl IntoIterator<Item = StreamName>) -> Self {
        Self { streams: Some(streams.into_iter().collect()), ..self }
    }

    /// Wants events of these categories only.
    #[must_use]
    pub fn categories(self, categories: impl IntoIterator<Item = Category>) -> Self {
        Self { categories: Some(categories.into_iter().collect()), ..self }
    }

    /// Wants events of these types only.
    #[must_use]
    pub fn event_types(self, event_types: impl IntoIterator<Item = EventType>) -> Self {
        Self { event_types: Some(event_types.into_iter().collect()), ..self }
    }

    /// Wants the events with these ids only.
    #[must_use]
    pub fn ids(self, ids: impl IntoIterator<Item = EventId>) -> Self {
        Self { ids: Some(ids.into_iter().collect()), ..self }
    }

    /// Wants events of one conversation only: those whose metadata carry this id.
    #[must_use]
    pub fn correlation(self, id: CorrelationId) -> Self {
        Self { correlation: Some(id), ..self }
    }

    /// Wants only what one command or event led to.
    #[must_use]
    pub fn causation(self, id: CausationId) -> Self {
        Self { causation: Some(id), ..self }
    }

    /// Wants events that were recorded at this time or later. Times need not rise in the order of the log.
    #[must_use]
    pub fn recorded_since(self, time: DateTime<Utc>) -> Self {
        Self { recorded_since: Some(time), ..self }
    }

    /// Wants events that were recorded before this time.
    #[must_use]
    pub fn recorded_before(self, time: DateTime<Utc>) -> Self {
        Self { recorded_before: Some(time), ..self }
    }

    /// Tells whether every event is wanted.
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether an event is wanted.
    pub fn wants(&self, event: &RecordedEvent) -> bool {
        let Self { streams, categories, event_types, ids, recorded_since, recorded_before, .. } = self;
        event_types.as_ref().is_none_or(|types| types.contains(&event.event_type))
            && streams.as_ref().is_none_or(|streams| streams.contains(&event.stream))
            && categories.as_ref().is_none_or(|categories| categories.contains(event.stream.category_str()))
            && ids.as_ref().is_none_or(|ids| ids.contains(&event.id))
            && recorded_since.is_none_or(|time| event.recorded_at >= time)
            && recorded_before.is_none_or(|time| event.recorded_at < time)
            && self.wants_metadata(event)
    }

    /// Reads the metadata only where it matters.
    fn wants_metadata(&self, event: &RecordedEvent) -> bool {
        if self.correlation.is_none() && self.causation.is_none() {
            return true;
        }
        let metadata = event.metadata();
        self.correlation.as_ref().is_none_or(|id| metadata.correlation_id.as_ref() == Some(id))
            && self.causation.as_ref().is_none_or(|id| metadata.causation_id.as_ref() == Some(id))
    }
}
