//! Shedding: so many at once and no more, and one more is turned away at once.
//!
//! `tower`'s own concurrency limit and load shedding, with an error that says what it means for a command.

mod error;
mod future;
mod layer;
mod service;

pub use error::ShedError;
pub use future::ShedFuture;
pub use layer::ShedLayer;
pub use service::Shed;
