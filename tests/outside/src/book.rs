//! A book that is lent and comes back.

use std::fmt;

use annals::aggregates::{Snapshot, SnapshotShape};
use annals::eventstore::{Claim, InvalidClaim};
use annals::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How long a book is lent.
const LENT: TimeDelta = TimeDelta::days(14);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    pub title: String,
    pub lent: Option<Loan>,
    pub loans: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loan {
    pub reader: String,
    pub until: DateTime<Utc>,
}

/// What tells one book from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isbn(pub u64);

impl fmt::Display for Isbn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[derive(Debug, Clone)]
pub enum BookCommand {
    Buy {
        title: String,
        mark: String,
    },
    Lend {
        reader: String,
    },
    /// Reminds a reader who keeps it too long.
    Remind,
    TakeBack,
}

#[derive(Debug, Clone, PartialEq, Event)]
pub enum BookEvent {
    #[event(name = "book-bought")]
    Bought { title: String },
    #[event(name = "book-lent")]
    Lent { reader: String, until: DateTime<Utc> },
    #[event(name = "reader-reminded")]
    Reminded { reader: String, days: i64 },
    #[event(name = "book-returned")]
    Returned,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookRefusal {
    #[error("no such book")]
    Unknown,
    #[error("lent until {0}")]
    Lent(DateTime<Utc>),
    #[error("nobody has it")]
    NotLent,
    #[error("no shelf mark: {0}")]
    Mark(#[from] InvalidClaim),
}

/// The place on the shelf, which no two books share.
pub fn shelf_mark(mark: &str) -> Result<Claim, InvalidClaim> {
    Claim::new("shelf mark", mark)
}

impl Aggregate for Book {
    const CATEGORY: &'static str = "book";
    type Id = Isbn;
    type Command = BookCommand;
    type Event = BookEvent;
    type Refusal = BookRefusal;

    fn decide(&self, command: BookCommand, context: &Context) -> Result<Events<BookEvent>, BookRefusal> {
        let now = context.now();
        match command {
            BookCommand::Buy { .. } if !self.title.is_empty() => Ok(Events::none()),
            BookCommand::Buy { title, mark } => {
                Ok(Events::one(BookEvent::Bought { title }).taking(shelf_mark(&mark)?))
            }
            _ if self.title.is_empty() => Err(BookRefusal::Unknown),
            BookCommand::Lend { reader } => match &self.lent {
                Some(loan) => Err(BookRefusal::Lent(loan.until)),
                None => Ok(BookEvent::Lent { reader, until: now + LENT }.into()),
            },
            BookCommand::Remind => match &self.lent {
                Some(loan) if loan.until < now => {
                    let (reader, days) = (loan.reader.clone(), (now - loan.until).num_days());
                    Ok(BookEvent::Reminded { reader, days }.into())
                }
                _ => Ok(Events::none()),
            },
            BookCommand::TakeBack if self.lent.is_none() => Err(BookRefusal::NotLent),
            BookCommand::TakeBack => {
                let mut decision = Events::deciding(self);
                decision.decide(BookCommand::Remind, context)?;
                decision.emit(BookEvent::Returned);
                Ok(decision.into_events())
            }
        }
    }

    fn evolve(&mut self, event: &BookEvent) {
        match event {
            BookEvent::Bought { title } => self.title.clone_from(title),
            BookEvent::Lent { reader, until } => {
                self.lent = Some(Loan { reader: reader.clone(), until: *until });
                self.loans += 1;
            }
            BookEvent::Reminded { .. } => {}
            BookEvent::Returned => self.lent = None,
        }
    }
}

impl Snapshot for Book {
    const SHAPE: SnapshotShape = SnapshotShape::Version(1);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use annals::aggregates::VirtualClock;
    use annals::aggregates::test_kit::given;
    use annals::eventstore::ClaimChange;

    use super::*;

    fn bought() -> BookEvent {
        BookEvent::Bought { title: "Effi Briest".into() }
    }

    fn lend(reader: &str) -> BookCommand {
        BookCommand::Lend { reader: reader.into() }
    }

    #[test]
    fn a_book_is_bought_once_and_takes_its_place() {
        let buy = BookCommand::Buy { title: "Effi Briest".into(), mark: "FON 7".into() };
        given::<Book>([])
            .when(buy.clone())
            .then_events([bought()])
            .then_claims([ClaimChange::Take(shelf_mark("FON 7").unwrap())])
            .when(buy)
            .then_nothing();
    }

    #[test]
    fn a_reader_is_reminded_only_when_the_time_is_over() {
        let clock = VirtualClock::at("2026-05-01T10:00:00Z".parse().unwrap());
        let lent = given::<Book>([bought()]).by(&clock).when(lend("Ann"));
        let early = lent.when(BookCommand::Remind).then_nothing();

        clock.advance(Duration::from_secs(17 * 86_400));

        early
            .when(lend("Bob"))
            .then_refused(BookRefusal::Lent("2026-05-15T10:00:00Z".parse().unwrap()))
            .when(BookCommand::TakeBack)
            .then_events([BookEvent::Reminded { reader: "Ann".into(), days: 3 }, BookEvent::Returned])
            .when(BookCommand::TakeBack)
            .then_refused(BookRefusal::NotLent);
    }
}
