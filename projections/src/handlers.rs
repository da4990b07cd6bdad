//! A projection event by event: a handler for each type.
//!
//! Guarantees: a type that is neither handled nor declared to be passed over is an error, never a silence.

use std::collections::{HashMap, HashSet};

use annals_eventstore::{Batch, EventType, GlobalPosition, HandlerError, RecordedEvent};

use crate::writes::Writes;

type Handler = Box<dyn Fn(&RecordedEvent, &mut Writes) -> Result<(), HandlerError> + Send + Sync>;

/// Handlers for single events, by type. They collect statements, which are sent together: as many round trips as a
/// batch has hundreds of events.
///
/// # Examples
///
/// ```
/// use annals_eventstore::{Batch, HandlerError};
/// use annals_projections::{Handlers, Projection};
///
/// struct Accounts(Handlers);
///
/// impl Accounts {
///     fn new() -> Self {
///         let handlers = Handlers::new()
///             .on("account-opened", |event, writes| {
///                 writes.execute("insert into accounts (account) values ($1)").with(event.stream.to_string());
///                 Ok(())
///             })
///             .on("account-closed", |event, writes| {
///                 writes.execute("delete from accounts where account = $1").with(event.stream.to_string());
///                 Ok(())
///             })
///             .pass(["account-renamed"]);
///         Self(handlers)
///     }
/// }
///
/// impl Projection for Accounts {
///     const NAME: &'static str = "accounts";
///     const TABLES: &'static str = "create table if not exists accounts (account text primary key)";
///
///     async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
///         self.0.apply(batch).await
///     }
/// }
/// ```
#[derive(Default)]
pub struct Handlers {
    by_type: HashMap<&'static str, Handler>,
    passed: HashSet<&'static str>,
}

/// An event of a type that nobody handles and nobody declared to be passed over. The batch is rolled back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event at position {at} is of type {event_type}, which is neither handled nor passed over")]
pub struct UnknownEventType {
    /// The event.
    pub at: GlobalPosition,
    /// Its type.
    pub event_type: EventType,
}

impl Handlers {
    /// Begins without a handler.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles events of a type. The handler looks at one event and adds statements; a later one of the same type
    /// replaces it.
    #[must_use]
    pub fn on(
        mut self,
        event_type: &'static str,
        handler: impl Fn(&RecordedEvent, &mut Writes) -> Result<(), HandlerError> + Send + Sync + 'static,
    ) -> Self {
        self.by_type.insert(event_type, Box::new(handler));
        self
    }

    /// Declares that events of these types say nothing to the read model.
    #[must_use]
    pub fn pass(mut self, event_types: impl IntoIterator<Item = &'static str>) -> Self {
        self.passed.extend(event_types);
        self
    }

    /// Applies a batch: calls the handlers in the order of events, then sends what they have collected.
    ///
    /// # Errors
    ///
    /// What a handler or the database says, or [`UnknownEventType`].
    pub async fn apply(&self, batch: Batch<'_>) -> Result<(), HandlerError> {
        let mut writes = Writes::default();
        for event in batch.events {
            let event_type = event.event_type.as_str();
            writes.begin(event.position);
            match self.by_type.get(event_type) {
                Some(handler) => handler(event, &mut writes)?,
                None if self.passed.contains(event_type) => {}
                None => {
                    let event_type = event.event_type.clone();
                    return Err(UnknownEventType { at: event.position, event_type }.into());
                }
            }
        }
        Ok(writes.send(batch.transaction).await?)
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut handled: Vec<_> = self.by_type.keys().collect();
        handled.sort_unstable();
        f.debug_struct("Handlers").field("handled", &handled).field("passed", &self.passed).finish()
    }
}
