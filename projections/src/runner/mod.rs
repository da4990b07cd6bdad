//! Running projections on as many machines as there are: who is there, who works on which slot.
//!
//! Guarantees
//! - each slot of a projection is worked on by one runner at a time, and whoever was overtaken changes nothing;
//! - a runner that leaves gives its slots back after the batch at hand, and others take them at once; one that dies is
//!   replaced when its leases are over;
//! - slots are spread evenly over the runners that are alive; whoever joins gets its share.
//!
//! ```text
//! Runner::run   registers -> heart (renews), ear (hears), coordinator (takes and gives) -> leaves
//! ```
//!
//! Leaves to others: reading the log (the tailer that the whole process shares), batches (`postgres::slot`).

mod coordinate;
mod ear;
mod error;
mod health;
mod heart;
mod host;
mod host_sql;
mod members;
mod options;
mod run;
mod running;
mod shadow;
mod shadow_slots;
mod share;
mod slot_run;
mod slots;
mod steward;

pub use error::RunnerError;
pub use health::{LoopTurn, RunnerHealth};
pub use members::{LiveRunner, discover};
pub use options::RunnerOptions;
pub use run::Runner;
pub use running::RunningRunner;
