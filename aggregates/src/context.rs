//! The context of a decision: what a pure function cannot know by itself.
//!
//! Guarantees: a context that was fixed gives the same time and the same ids in every run.
//!
//! Leaves to others: the ids of events, which the log's codec draws.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use annals_eventstore::{CausationId, CorrelationId, Metadata, RecordedEvent};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::clock::{VirtualClock, later};

/// The clock and the ids a decision may use, and where the command came from.
///
/// Correlation, causation, trace and actor are written into the metadata of the events decided under it.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::Context;
/// # use annals_eventstore::CorrelationId;
/// let context = Context::new().correlated(CorrelationId::new("order-7")).acting_for("teller 3");
/// assert_eq!(context.metadata().actor.as_deref(), Some("teller 3"));
///
/// let christmas = "2026-12-24T18:00:00Z".parse()?;
/// let (one, another) = (Context::fixed(christmas), Context::fixed(christmas));
/// assert_eq!(one.now(), christmas);
/// assert_eq!(one.new_id(), another.new_id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Context {
    clock: Clock,
    ids: Ids,
    metadata: Metadata,
}

#[derive(Debug, Clone)]
enum Clock {
    System,
    Fixed(DateTime<Utc>),
    Virtual(VirtualClock),
}

#[derive(Debug, Clone)]
enum Ids {
    Drawn,
    /// How many were given so far; clones of a context go on counting together.
    Counted(Arc<AtomicU64>),
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Makes a context with the system's clock and freshly drawn ids, for a command that comes from nowhere.
    pub fn new() -> Self {
        Self { clock: Clock::System, ids: Ids::Drawn, metadata: Metadata::default() }
    }

    /// Makes a context whose clock stands still and whose ids are counted from 1, for tests.
    pub fn fixed(now: DateTime<Utc>) -> Self {
        Self {
            clock: Clock::Fixed(now),
            ids: Ids::Counted(Arc::new(AtomicU64::new(0))),
            metadata: Metadata::default(),
        }
    }

    /// Makes a context whose time is that of a clock that the test lets go on, and whose ids are counted from 1, over
    /// all contexts of the clock.
    pub fn by(clock: &VirtualClock) -> Self {
        Self {
            clock: Clock::Virtual(clock.clone()),
            ids: Ids::Counted(clock.ids()),
            metadata: Metadata::default(),
        }
    }

    /// Makes a context for a command that an event gave rise to: the event is the cause, and its conversation
    /// goes on (an event without one begins it), as does its trace.
    pub fn following(event: &RecordedEvent) -> Self {
        let before = event.metadata();
        let correlation = before.correlation_id.unwrap_or_else(|| event.id.into());
        let mut following = Self::new().correlated(correlation).caused_by(event.id);
        following.metadata.traceparent = before.traceparent;
        following
    }

    /// Sets the conversation the command belongs to.
    #[must_use]
    pub fn correlated(mut self, correlation: impl Into<CorrelationId>) -> Self {
        self.metadata.correlation_id = Some(correlation.into());
        self
    }

    /// Sets what led to the command.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<CausationId>) -> Self {
        self.metadata.causation_id = Some(cause.into());
        self
    }

    /// Sets who asks.
    #[must_use]
    pub fn acting_for(mut self, actor: impl Into<String>) -> Self {
        self.metadata.actor = Some(actor.into());
        self
    }

    /// Sets the trace the command belongs to, as W3C Trace Context writes it
    /// (`00-<trace id>-<parent id>-<flags>`). A malformed one is left out, as the standard asks.
    ///
    /// # Examples
    ///
    /// ```
    /// # use annals_aggregates::Context;
    /// let traced = Context::new().traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    /// assert!(traced.metadata().traceparent.is_some());
    /// assert_eq!(Context::new().traced("00-0af7-b7ad-01").metadata().traceparent, None);
    /// ```
    #[must_use]
    pub fn traced(mut self, traceparent: &str) -> Self {
        self.metadata.traceparent = is_traceparent(traceparent).then(|| traceparent.to_owned());
        self
    }

    /// Sets the metadata as a whole, trace and free headers included.
    #[must_use]
    pub fn with_metadata(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }

    /// Returns the time by the context's clock.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.clock {
            Clock::System => Utc::now(),
            Clock::Fixed(now) => *now,
            Clock::Virtual(clock) => clock.now(),
        }
    }

    /// Draws a new id: a time-ordered UUID, or the next number where ids are counted.
    pub fn new_id(&self) -> Uuid {
        match &self.ids {
            Ids::Drawn => Uuid::now_v7(),
            Ids::Counted(given) => Uuid::from_u128(u128::from(given.fetch_add(1, Ordering::Relaxed)) + 1),
        }
    }

    /// Lets time pass by the context's clock.
    ///
    /// # Panics
    ///
    /// When that is the system's clock, which nobody sets.
    #[track_caller]
    pub(crate) fn advance(&mut self, by: Duration) {
        match &mut self.clock {
            Clock::System => {
                panic!("the system's clock cannot be put forward: give the test a clock of its own")
            }
            Clock::Fixed(now) => *now = later(*now, by),
            Clock::Virtual(clock) => clock.advance(by),
        }
    }

    /// Returns what is written beside every event decided under this context.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// Tells whether a text is a traceparent: version, trace id, parent id and flags, of which the ids are not all
/// zero. A version to come may bring more behind the flags.
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, digits| is_hex(part, digits) && part.bytes().any(|byte| byte != b'0');
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags, more @ ..] = &parts[..] else { return false };
    is_hex(version, 2)
        && *version != "ff"
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
        && (more.is_empty() || *version != "00")
}

#[cfg(test)]
mod tests {
    use super::is_traceparent;

    #[test]
    fn a_traceparent_is_told_from_other_texts() {
        let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
        for good in [format!("00-{ids}-01"), format!("00-{ids}-00"), format!("cc-{ids}-01-what-comes")] {
            assert!(is_traceparent(&good), "{good}");
        }
        for bad in [
            String::new(),
            format!("ff-{ids}-01"),
            format!("00-{ids}-01-more"),
            format!("00-{ids}"),
            format!("00-{}-01", ids.to_uppercase()),
            format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", "0".repeat(16)),
            format!("0-{ids}-01"),
            format!("00-{ids}-1"),
        ] {
            assert!(!is_traceparent(&bad), "{bad}");
        }
    }
}
