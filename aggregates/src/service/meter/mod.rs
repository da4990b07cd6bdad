//! Metering: each command that ends is counted by what came of it, and measured.
//!
//! It has no error of its own: it passes on what it is answered.

mod future;
mod layer;
mod service;
mod under_way;

pub use future::MeterFuture;
pub use layer::MeterLayer;
pub use service::Meter;
