//! Idempotency: the id of a command is the key under which the log stores its events.
//!
//! Guarantees
//! - a command without its key does not reach whoever carries it out;
//! - an accepted command that comes again under its id – at once, later, from another process – has no second effect;
//!   its answer is that it was applied already, with the receipt of the first time.
//!
//! What left nothing in the log is not known to it: a command that was refused, or for which there was nothing to do,
//! is decided anew when it comes again, and may be accepted then.
//!
//! Leaves to others: the key itself, which is the log's (`eventstore`).

mod error;
mod future;
mod keyed;
mod layer;
mod service;

pub use error::IdempotencyError;
pub use future::IdempotencyFuture;
pub use keyed::Keyed;
pub use layer::IdempotencyLayer;
pub use service::Idempotency;
