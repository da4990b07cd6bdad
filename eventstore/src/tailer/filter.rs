//! Which events a subscription wants.

use std::collections::HashSet;

use crate::event::{EventType, RecordedEvent};
use crate::stream::{Category, StreamName};

/// The events a subscription wants: all, or those that pass every condition that was set.
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
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    streams: Option<HashSet<StreamName>>,
    categories: Option<Vec<Category>>,
    event_types: Option<HashSet<EventType>>,
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

    /// Tells whether an event is wanted.
    pub fn wants(&self, event: &RecordedEvent) -> bool {
        let Self { streams, categories, event_types } = self;
        event_types.as_ref().is_none_or(|types| types.contains(&event.event_type))
            && streams.as_ref().is_none_or(|streams| streams.contains(&event.stream))
            && categories.as_ref().is_none_or(|categories| is_in(categories, &event.stream))
    }
}

/// Compares without making a category of the name.
fn is_in(categories: &[Category], stream: &StreamName) -> bool {
    let name = stream.as_str();
    let category = name.split_once('-').map_or(name, |(category, _)| category);
    categories.iter().any(|wanted| wanted.as_str() == category)
}
