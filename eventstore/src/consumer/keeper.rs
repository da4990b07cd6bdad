//! Where a consumer keeps its position.

use std::error::Error;
use std::future::Future;

use crate::cursor::Cursor;

/// Keeps the position of one consumer: in a table, a file, beside what it feeds.
pub trait CheckpointKeeper: Send {
    /// Why a position cannot be kept.
    type Error: Error + Send + Sync + 'static;

    /// Returns what was kept last; [`Cursor::START`] when there was nothing.
    ///
    /// # Errors
    ///
    /// A fault of the place where it is kept.
    fn load(&mut self) -> impl Future<Output = Result<Cursor, Self::Error>> + Send;

    /// Keeps a position: everything up to it is done. Keep the id with it, so that a log that is restored to an older
    /// state is noticed.
    ///
    /// # Errors
    ///
    /// A fault of the place where it is kept, or another owner has taken over.
    fn keep(&mut self, cursor: Cursor) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
