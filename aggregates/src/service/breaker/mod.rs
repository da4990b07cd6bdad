//! The circuit breaker: while the log cannot be reached, commands are turned away at once and not made to wait.
//!
//! ```text
//!          so many times in a row the log was not reached
//! closed ------------------------------------------------> open
//!    ^                                                      |  after `open_for`
//!    |      every probe was answered                        v
//!    +--------------------------------------------------- half open: `probes` commands are let through
//!                                                           |
//!                                   open <------------------+  a probe did not reach the log
//! ```
//!
//! Guarantees
//! - only what says that the log was not reached counts against it: never a refusal, a conflict or an error of the
//!   domain, which are answers of the log and prove that it can be reached;
//! - what says nothing about the log changes nothing: a mailbox without room, a caller that went away;
//! - in the half-open state no more than the configured number is let through;
//! - a command that was let through before the last change of the state does not change it again.
//!
//! Leaves to others: counting and states, which are `tower-resilience-circuitbreaker`'s. None of its types is seen from
//! outside.

mod error;
mod future;
mod judged;
mod layer;
mod options;
mod service;
mod watch;

pub use error::{BreakerError, Evidence, TellsEvidence};
pub use future::BreakerFuture;
pub use layer::BreakerLayer;
pub use options::{BREAKER_FAILURES_DEFAULT, BREAKER_OPEN_DEFAULT, BREAKER_PROBES_DEFAULT, BreakerOptions};
pub use service::Breaker;
