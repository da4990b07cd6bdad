//! Which events a verb is about, as flags.

use annals_eventstore::{Category, CorrelationId, EventFilter, EventId, EventType, StreamName};
use chrono::{DateTime, Utc};
use clap::Args;
use uuid::Uuid;

/// Conditions that events have to pass, all of them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterArgs {
    /// Only events of this type; may be given several times.
    #[arg(long = "type", value_name = "TYPE", value_parser = |name: &str| EventType::new(name))]
    types: Vec<EventType>,
    /// Only events of this category; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| Category::new(name))]
    category: Vec<Category>,
    /// Only events of this stream; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = |name: &str| StreamName::new(name))]
    stream: Vec<StreamName>,
    /// Only the event with this id; may be given several times.
    #[arg(long, value_name = "UUID")]
    id: Vec<Uuid>,
    /// Only events of one conversation.
    #[arg(long, value_name = "ID")]
    correlation: Option<String>,
    /// Only events recorded at this time or later, such as 2026-05-31T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
    /// Only events recorded before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<DateTime<Utc>>,
}

impl FilterArgs {
    /// Returns the filter that the flags describe.
    pub(crate) fn filter(&self) -> EventFilter {
        let mut filter = EventFilter::all();
        if !self.types.is_empty() {
            filter = filter.event_types(self.types.clone());
        }
        if !self.category.is_empty() {
            filter = filter.categories(self.category.clone());
        }
        if !self.stream.is_empty() {
            filter = filter.streams(self.stream.clone());
        }
        if !self.id.is_empty() {
            filter = filter.ids(self.id.iter().copied().map(EventId::from));
        }
        if let Some(id) = &self.correlation {
            filter = filter.correlation(CorrelationId::new(id));
        }
        if let Some(time) = self.since {
            filter = filter.recorded_since(time);
        }
        if let Some(time) = self.until {
            filter = filter.recorded_before(time);
        }
        filter
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text);
    Ok(time.map_err(|error| format!("{error}; a time is written as 2026-05-31T12:00:00Z"))?.to_utc())
}
