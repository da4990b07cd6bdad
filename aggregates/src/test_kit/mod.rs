//! The test kit: a rule of an aggregate as one sentence. Given events, when a command, then events.
//!
//! It needs no log and no runtime. What it does beyond calling `decide` and `evolve`: every event, given or
//! decided, is written and read back as the log would, so that an event which does not survive that fails
//! here and not in production.
//!
//! # Examples
//!
//! ```
//! use annals_aggregates::test_kit::given;
//! # use annals_aggregates::{Aggregate, Context, Events};
//! # #[derive(Clone, Default)]
//! # struct Account { balance: u32 }
//! # #[derive(Clone)]
//! # enum Command { Withdraw(u32) }
//! # #[derive(Debug, PartialEq, annals_eventstore::Event)]
//! # #[event(crate = annals_eventstore)]
//! # enum Event { #[event(name = "deposited")] Deposited(u32), #[event(name = "withdrawn")] Withdrawn(u32) }
//! # #[derive(Debug, PartialEq, thiserror::Error)]
//! # enum Refusal { #[error("only {0} left")] OnlyLeft(u32) }
//! # impl Aggregate for Account {
//! #     const CATEGORY: &'static str = "account";
//! #     type Id = u32;
//! #     type Command = Command;
//! #     type Event = Event;
//! #     type Refusal = Refusal;
//! #     fn decide(&self, command: Command, _: &Context) -> Result<Events<Event>, Refusal> {
//! #         match command {
//! #             Command::Withdraw(0) => Ok(Events::none()),
//! #             Command::Withdraw(wanted) if wanted > self.balance => Err(Refusal::OnlyLeft(self.balance)),
//! #             Command::Withdraw(wanted) => Ok(Events::one(Event::Withdrawn(wanted))),
//! #         }
//! #     }
//! #     fn evolve(&mut self, event: &Event) {
//! #         match event {
//! #             Event::Deposited(amount) => self.balance += amount,
//! #             Event::Withdrawn(amount) => self.balance -= amount,
//! #         }
//! #     }
//! # }
//!
//! given::<Account>([Event::Deposited(10)])
//!     .when(Command::Withdraw(4))
//!     .then_events([Event::Withdrawn(4)])
//!     .then_state(|account| assert_eq!(account.balance, 6));
//!
//! given::<Account>([Event::Deposited(10)]).when(Command::Withdraw(11)).then_refused(Refusal::OnlyLeft(10));
//! given::<Account>([]).when(Command::Withdraw(0)).then_nothing();
//! ```
//!
//! A rule about time is a sentence with several commands in it. The clock stands still unless the test lets time
//! pass:
//!
//! ```
//! use std::time::Duration;
//!
//! use annals_aggregates::test_kit::given;
//! use chrono::{DateTime, TimeDelta, Utc};
//! # use annals_aggregates::{Aggregate, Context, Events, VirtualClock};
//!
//! /// A seat in a theatre: a reservation holds for a quarter of an hour.
//! #[derive(Clone, Default)]
//! struct Seat { reserved: Option<(String, DateTime<Utc>)> }
//! # #[derive(Clone)]
//! # enum Command { Reserve(String) }
//! # #[derive(Debug, PartialEq, annals_eventstore::Event)]
//! # #[event(crate = annals_eventstore)]
//! # enum Event { #[event(name = "reserved")] Reserved { by: String, until: DateTime<Utc> } }
//! # #[derive(Debug, PartialEq, thiserror::Error)]
//! # enum Refusal { #[error("taken")] Taken }
//! # impl Aggregate for Seat {
//! #     const CATEGORY: &'static str = "seat";
//! #     type Id = u32;
//! #     type Command = Command;
//! #     type Event = Event;
//! #     type Refusal = Refusal;
//!
//! fn decide(&self, Command::Reserve(by): Command, context: &Context) -> Result<Events<Event>, Refusal> {
//!     match &self.reserved {
//!         Some((_, until)) if context.now() < *until => Err(Refusal::Taken),
//!         _ => Ok(Event::Reserved { by, until: context.now() + TimeDelta::minutes(15) }.into()),
//!     }
//! }
//! #     fn evolve(&mut self, Event::Reserved { by, until }: &Event) { self.reserved = Some((by.clone(), *until)); }
//! # }
//!
//! let reserve = |name: &str| Command::Reserve(name.to_owned());
//! given::<Seat>([])
//!     .when(reserve("Ann"))
//!     .after(Duration::from_secs(14 * 60))
//!     .when(reserve("Bob"))
//!     .then_refused(Refusal::Taken)
//!     .after(Duration::from_secs(60))
//!     .when(reserve("Bob"))
//!     .then_state(|seat| assert!(seat.reserved.as_ref().is_some_and(|(name, _)| name == "Bob")));
//!
//! // The same with a clock that others look at too.
//! let clock = VirtualClock::at("2026-12-24T18:00:00Z".parse()?);
//! let reserved = given::<Seat>([]).by(&clock).when(reserve("Ann"));
//! clock.advance(Duration::from_secs(3600));
//! reserved.when(reserve("Bob")).then_events([Event::Reserved {
//!     by: "Bob".into(),
//!     until: "2026-12-24T19:15:00Z".parse()?,
//! }]);
//! # Ok::<(), chrono::ParseError>(())
//! ```

mod difference;
mod given;
mod round_trip;
mod then;

pub use given::{Given, given};
pub use then::Then;
