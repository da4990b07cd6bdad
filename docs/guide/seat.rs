use annals::prelude::*;
use serde::{Deserialize, Serialize};

/// How long a seat is held for a guest.
const HOLD_SECONDS: i64 = 900;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Seat {
    /// For whom it is held, and until when, in seconds since 1970.
    held: Option<(String, i64)>,
    owner: Option<String>,
}

#[derive(Debug, Clone)]
enum SeatCommand {
    Hold { guest: String },
    Buy { guest: String },
    Release,
}

#[derive(Debug, Clone, PartialEq, Event)]
enum SeatEvent {
    #[event(name = "seat-held")]
    Held { guest: String, until: i64 },
    #[event(name = "seat-bought")]
    Bought { guest: String },
    #[event(name = "seat-released")]
    Released,
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum SeatRefusal {
    #[error("{0} has the seat")]
    Taken(String),
    #[error("the seat was sold")]
    Sold,
}

impl Aggregate for Seat {
    const CATEGORY: &'static str = "seat";
    type Id = u32;
    type Command = SeatCommand;
    type Event = SeatEvent;
    type Refusal = SeatRefusal;

    fn decide(&self, command: SeatCommand, context: &Context) -> Result<Events<SeatEvent>, SeatRefusal> {
        let now = context.now().timestamp();
        match command {
            SeatCommand::Hold { guest } => {
                self.require_free_for(&guest, now)?;
                Ok(SeatEvent::Held { guest, until: now + HOLD_SECONDS }.into())
            }
            SeatCommand::Buy { guest } if self.owner.as_ref() == Some(&guest) => Ok(Events::none()),
            SeatCommand::Buy { guest } => {
                self.require_free_for(&guest, now)?;
                Ok(SeatEvent::Bought { guest }.into())
            }
            SeatCommand::Release if self.owner.is_some() => Err(SeatRefusal::Sold),
            SeatCommand::Release if self.held.is_none() => Ok(Events::none()),
            SeatCommand::Release => Ok(SeatEvent::Released.into()),
        }
    }

    fn evolve(&mut self, event: &SeatEvent) {
        match event {
            SeatEvent::Held { guest, until } => self.held = Some((guest.clone(), *until)),
            SeatEvent::Bought { guest } => self.owner = Some(guest.clone()),
            SeatEvent::Released => self.held = None,
        }
    }
}

impl Seat {
    fn require_free_for(&self, guest: &str, now: i64) -> Result<(), SeatRefusal> {
        match (&self.owner, &self.held) {
            (Some(_), _) => Err(SeatRefusal::Sold),
            (None, Some((other, until))) if other != guest && now < *until => {
                Err(SeatRefusal::Taken(other.clone()))
            }
            _ => Ok(()),
        }
    }
}
