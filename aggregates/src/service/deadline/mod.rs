//! Deadlines: nobody waits longer than it wants to, and is told what that means.
//!
//! ```text
//! deadline has passed -> NotBegun
//! called -+- answered in time ---------------------> the answer
//!         +- the deadline passes -+- not begun ----> NotBegun       nothing was written, and nothing will be
//!                                 +- has begun ----> EffectUnknown  the same command id finds out
//! ```
//!
//! A command has begun once the repository has it, or once it stands in the mailbox of its aggregate.

mod error;
mod future;
mod layer;
mod service;

pub use error::{DeadlineError, DeadlineOwner};
pub use future::DeadlineFuture;
pub use layer::DeadlineLayer;
pub use service::Deadline;
