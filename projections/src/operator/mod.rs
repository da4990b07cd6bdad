//! What operators do to projections, from any machine: look, pause, resume, set back, empty, retry, discard.
//!
//! Guarantees: each of them is written down with its reason and who did it; nobody's batch is split by it – a change of
//! checkpoints comes with new epochs, and what is to touch a read model is done by the owner of the slot.

mod operate;
mod parked;
mod rebuild;
mod rebuild_progress;
mod report;
mod status;
mod wait;

pub use operate::{OperateError, Operator};
pub use parked::ParkedEvent;
pub use rebuild::RebuildOptions;
pub use rebuild_progress::RebuildProgress;
pub use report::{Lag, ProjectionReport};
pub use status::{ProjectionStatus, Standing};
pub use wait::{Progress, ProgressError};
