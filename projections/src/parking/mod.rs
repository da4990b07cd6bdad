//! Poison: events that cannot be applied, whoever tries and however often.
//!
//! A batch that fails is applied once more in halves, and halves of what fails, in the same transaction, until the event is
//! found that cannot be applied; it is parked. With it its key is blocked: later events of that key are parked behind it, in their order, while all
//! others go on. An operator asks for a retry, or for the poisonous one to be discarded; whoever owns the slot then
//! applies what was parked, in order, and the key is free again.
//!
//! Guarantees
//! - what is parked, what is applied and the checkpoint are one transaction: no event is lost between them;
//! - events of a key are applied in their order, parked or not;
//! - parking is bounded: beyond the limits of the policy the slot stops.
//!
//! Leaves to others: faults that pass by themselves, which the slot loop waits for.

mod caught;
mod handler;
mod patience;
mod policy;
mod retry;
mod rows;

pub(crate) use handler::Parking;
pub use handler::{PoisonEvent, TooManyParked};
pub(crate) use patience::Patience;
pub use patience::StoodStill;
pub use policy::{PoisonPolicy, Poisoned};
pub(crate) use rows::Rows;
