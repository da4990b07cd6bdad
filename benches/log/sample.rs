//! The one event that every writing scenario and its floor write: the same bytes on both sides.

use annals::eventstore::{EventId, EventType, NewEvent, Payload};

use crate::Outcome;

/// The type of the event.
pub(crate) const EVENT_TYPE: &str = "money-deposited";

/// Its data: the size of an everyday event.
pub(crate) const DATA: &str = r#"{"amount":"1250.00","currency":"EUR","balance":"18340.75","reference":"invoice 2026-11-0042","channel":"counter","teller":7}"#;

/// Makes the event over and over, each time with an id of its own.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    event_type: EventType,
    data: Payload,
}

impl Sample {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self { event_type: EventType::new(EVENT_TYPE)?, data: Payload::from_json(DATA)? })
    }

    pub(crate) fn event(&self) -> NewEvent {
        NewEvent::of(self.event_type.clone(), self.data.clone())
    }

    /// Draws an id for the floor's row, as [`Sample::event`] does for the event's.
    pub(crate) fn id() -> EventId {
        EventId::new()
    }
}
