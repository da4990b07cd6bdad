//! The check-up: whether server, settings, schema, roles and transactions are as the log needs them.
//!
//! Guarantees
//! - nothing is changed, and nothing is locked that anybody waits for;
//! - every fault is told with what to do about it;
//! - a check that cannot be made is told as one that failed, and the others are made.
//!
//! Leaves to others: showing what was found (`annals doctor`), mending.

mod blockers;
mod diagnosis;
mod examine;
mod facts;
mod indexes;
mod log;
mod pooler;
mod prepared;
mod roles;
mod schema;
mod server;
mod subject;
mod triggers;
mod wakeups;

pub use diagnosis::{Diagnosis, Verdict};
pub use examine::{CheckUpOptions, check_up};
