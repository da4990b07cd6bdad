//! Draining: after the end was called nothing begins any more, and what is under way is waited for.

mod error;
mod future;
mod layer;
mod service;

pub use error::DrainError;
pub use future::DrainFuture;
pub use layer::DrainLayer;
pub use service::Drain;
