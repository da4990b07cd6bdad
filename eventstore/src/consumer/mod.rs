//! Consumers that keep their position themselves, where it cannot commit with what they write.
//!
//! Guarantees: what is kept as done was handled or left out by the filter, whatever timer or page boundary there is;
//! an event comes again after a crash, and is never skipped.
//!
//! Leaves to others: positions that commit with a read model (`postgres::slot`).

mod keeper;
mod policy;
mod run;

pub use keeper::CheckpointKeeper;
pub use policy::CheckpointPolicy;
pub use run::{CheckpointedConsumer, ConsumeError};
