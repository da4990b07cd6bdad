//! The bank's application: what people can ask the bank for.
//!
//! It knows the domain and the log's interface, and neither PostgreSQL nor the terminal.
#![expect(unreachable_pub, reason = "an application reads as the library it is in a larger system")]

mod bank;
mod error;
mod statement;
mod transfer;

pub use bank::Bank;
pub use error::BankError;
pub use transfer::Transfer;
