//! Where a consumer keeps its position.

use std::error::Error;
use std::future::Future;

use crate::event_id::EventId;
use crate::position::GlobalPosition;

/// Keeps the position of one consumer: in a table, a file, beside what it feeds.
pub trait CheckpointKeeper: Send {
    /// Why a position cannot be kept.
    type Error: Error + Send + Sync + 'static;

    /// Returns the position that was kept last; [`GlobalPosition::START`] when there was none.
    ///
    /// # Errors
    ///
    /// A fault of the place where it is kept.
    fn load(&mut self) -> impl Future<Output = Result<GlobalPosition, Self::Error>> + Send;

    /// Keeps a position: everything up to it is done. `last` is the last event that was handled since the consumer
    /// began, if there was any.
    ///
    /// # Errors
    ///
    /// A fault of the place where it is kept, or another owner has taken over.
    fn keep(
        &mut self,
        position: GlobalPosition,
        last: Option<EventId>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
