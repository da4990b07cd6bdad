//! The circuit breaker of slots: while their database of read models cannot be reached, one of them asks, and not all.
//!
//! ```text
//!          so many times in a row the database was not reached
//! closed ------------------------------------------------------> open: nobody asks
//!    ^                                                            |  after a moment
//!    |      it was answered                                       v
//!    +--------------------------------------------------------- half open: one slot asks
//!                                                                 |
//!                                           open <----------------+  it did not reach it
//! ```
//!
//! Guarantees
//! - only what says that the database was not reached counts against it: never an event that cannot be applied, a deadlock
//!   or an owner that was overtaken, which are answers;
//! - what says nothing – no connection of the pool was free, the slot was told to stop – changes nothing;
//! - a question from before the last change of the state does not change it again.
//!
//! Leaves to others: counting and states, which are `tower-resilience-circuitbreaker`'s; pauses of a single slot.

mod circuit;
mod evidence;
mod pass;
mod watch;

pub use circuit::{BREAKER_FAILURES, BREAKER_OPEN, SlotBreaker};
pub(super) use evidence::{Evidence, TellsEvidence};
pub(super) use pass::Pass;
pub use watch::BreakerState;
