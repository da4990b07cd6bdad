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

mod difference;
mod given;
mod round_trip;
mod then;

pub use given::{Given, given};
pub use then::Then;
