//! Why a batch was not applied.

use std::time::Duration;

use annals_eventstore::GlobalPosition;
use tokio_postgres::Error;

use super::place::Place;
use super::value_error::ValueError;

/// Why a batch was not applied. The transaction is to be rolled back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// An event holds a value that its statement cannot take.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The codec of the store could not open the data of an event; SQL would take what is stored for it.
    #[error("event at position {position}: {source}")]
    Unopened {
        /// Where the event stands.
        position: GlobalPosition,
        /// What the codec said.
        #[source]
        source: serde_json::Error,
    },
    /// The server refused a statement.
    #[error("{events}: the server refuses {place}: {message}")]
    Statement {
        /// The events it was for.
        events: EventRange,
        /// The file, and the place in it where the server names one.
        place: Place,
        /// What the server said.
        message: String,
        /// The same as it came.
        #[source]
        source: Error,
    },
    /// A statement took too long, or somebody cancelled it.
    #[error("{events}: the server ended {place}, which has {limit:?} for each time it is carried out")]
    Ended {
        /// The events it was for.
        events: EventRange,
        /// The file.
        place: Place,
        /// What a statement has.
        limit: Duration,
        /// What the server said.
        #[source]
        source: Error,
    },
    /// The connection broke.
    #[error("the connection broke")]
    Unavailable(#[from] Error),
}

/// From an event to another one, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRange {
    /// The first.
    pub from: GlobalPosition,
    /// The last.
    pub to: GlobalPosition,
}

impl std::fmt::Display for EventRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.from == self.to {
            write!(f, "event at position {}", self.from)
        } else {
            write!(f, "events at positions {} to {}", self.from, self.to)
        }
    }
}
