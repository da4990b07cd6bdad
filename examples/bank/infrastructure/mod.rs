//! The bank's infrastructure: where the log is, what it holds, and the read model beside it.
#![expect(unreachable_pub, reason = "an infrastructure reads as the library it is in a larger system")]

mod balances;
mod hosting;
mod log;
mod schema;

pub use balances::{AppliedBatch, Balances, balances_of};
pub use hosting::application;
pub use log::{Log, open_log};
pub use schema::{SCHEMA_FILE, schema};
