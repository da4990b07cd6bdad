//! The dozen names most programs need: `use annals::prelude::*;`.

pub use annals_aggregates::{Aggregate, Context, Events, Repository};
pub use annals_eventstore::{
    Append, Batch, Event, EventStore, ExpectedVersion, HandlerError, NewEvent, PostgresStore, RecordedEvent,
    StreamName, StreamQuery, Version,
};
pub use annals_projections::Projection;
