//! The bank's domain: what an account is and what it never does.
//!
//! Everything here is pure: no I/O, no async, and nothing of the framework but the `Aggregate` and `Event`
//! traits. `account` holds the rules; it is asked in `command`s, answers in `event`s, says no in `refusal`s.
#![expect(unreachable_pub, reason = "a domain reads as the library it is in a larger system")]

mod account;
mod command;
mod event;
mod id;
mod money;
mod refusal;

pub use account::Account;
pub use command::AccountCommand;
pub use event::AccountEvent;
pub use id::{AccountId, TransferId};
pub use money::Money;
pub use refusal::AccountRefusal;
