//! Shedding: so many at once and no more; one more is turned away at once, or waits.
//!
//! ```text
//! called -+- a place is free ------------------> let through, the place is given back with the answer
//!         +- none is free -+- WhenFull::Shed --> ShedError
//!                          +- WhenFull::Wait --> waits for its turn, its deadline or the end of the service
//! ```
//!
//! `tower` has a limit and load shedding too. Together they let a clone that was turned away wait on in its absence: it
//! gets the next place, and keeps it while it is idle. Here readiness takes nothing: the place is taken by the call.

mod error;
mod future;
mod layer;
mod places;
mod service;

pub use error::ShedError;
pub use future::ShedFuture;
pub use layer::ShedLayer;
pub use service::Shed;
