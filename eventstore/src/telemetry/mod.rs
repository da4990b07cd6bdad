//! What the log tells about itself: metrics through the `metrics` facade, spans through `tracing`.
//!
//! Guarantees
//! - without a recorder and a subscriber a measurement costs some nanoseconds and allocates nothing;
//! - nothing is measured for single events, only for calls, pages and batches;
//! - labels have values that are known beforehand, or are names of consumers: never a stream, a key or an event;
//! - every metric and every span stands in a table, and `docs/telemetry.md` lists just these.
//!
//! Leaves to others: recorders, exporters and subscribers, which are the program's.

mod describe;
mod instrument;
mod label;
mod metric;
mod spans;
mod table;

pub use describe::{describe, describe_metrics};
pub(crate) use instrument::Stopwatch;
pub(crate) use label::{
    Ambiguity, AppendOutcome, AppendScope, BatchOutcome, Breaker, Checkout, ConnectOutcome, FallBack, Holder,
    Look, Loss, Mode, OfBatch, OfConsumer, Pause, PoolState, Read, ReadOutcome, SendOutcome, State, Woken,
};
pub use metric::{Label, Metric, MetricKind, MetricUnit};
pub use spans::{Span, spans};
pub use table::metrics;
pub(crate) use table::*;
