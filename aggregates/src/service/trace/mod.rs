//! Tracing: a span around each command, whatever becomes of it.
//!
//! The span is the parent of what happens below it. The trace that the command came with stands in a field, for
//! subscribers that link spans to it, and flows on in the metadata of the events.

mod error;
mod future;
mod layer;
mod service;

pub use error::TellsFailure;
pub use future::TraceFuture;
pub use layer::TraceLayer;
pub use service::Trace;
