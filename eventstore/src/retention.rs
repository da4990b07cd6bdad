//! The port of operators: ending what is read of a stream, and removing events.

use std::future::Future;

use crate::deletion::{Deleted, Deletion, DeletionError, Scrub, ScrubError, Scrubbed};
use crate::version::Version;

/// What may be done to whole streams of a log; apart from [`EventStore`](crate::EventStore), so that code that
/// appends and reads cannot delete.
///
/// ```text
/// live --truncate--> live --delete--> deleted --append at NoStream or Any--> live
/// live, deleted --tombstone--> tombstoned, for ever
/// ```
///
/// The log goes on showing every event, and idempotency keys go on answering, until the stream is scrubbed.
pub trait StreamRetention: Clone + Send + Sync + 'static {
    /// Deletes a stream: reads say `StreamNotFound`, until an append at `NoStream` or `Any` begins it again. Its
    /// versions go on counting.
    ///
    /// # Errors
    ///
    /// [`DeletionError`]; each variant says whether anything was changed.
    fn delete_stream(
        &self,
        deletion: Deletion,
    ) -> impl Future<Output = Result<Deleted, DeletionError>> + Send;

    /// Lets reads of a stream begin at a version, at most that of its last event.
    ///
    /// # Errors
    ///
    /// [`DeletionError`]; also `StreamNotFound` whatever was expected, and `Malformed` where nothing would be left.
    fn truncate_stream(
        &self,
        deletion: Deletion,
        before: Version,
    ) -> impl Future<Output = Result<Deleted, DeletionError>> + Send;

    /// Closes a stream for ever: appends say `StreamTombstoned`, reads `StreamDeleted`. A stream that does not
    /// exist is closed, too, where it is expected at `NoStream` or `Any`.
    ///
    /// # Errors
    ///
    /// [`DeletionError`]; each variant says whether anything was changed.
    fn tombstone_stream(
        &self,
        deletion: Deletion,
    ) -> impl Future<Output = Result<Deleted, DeletionError>> + Send;

    /// Removes one batch of the events that a stream no longer shows, and before them their idempotency keys;
    /// positions stay unused. Asked again it goes on.
    ///
    /// # Errors
    ///
    /// [`ScrubError`]; this batch removed nothing, or says otherwise.
    fn scrub_batch(&self, scrub: &Scrub) -> impl Future<Output = Result<Scrubbed, ScrubError>> + Send;

    /// Removes all that a stream no longer shows, batch by batch.
    ///
    /// # Errors
    ///
    /// [`ScrubError`]; what earlier batches removed is gone.
    fn scrub_stream(&self, scrub: Scrub) -> impl Future<Output = Result<Scrubbed, ScrubError>> + Send {
        async move {
            let mut removed = Scrubbed::default();
            while !removed.is_done {
                let batch = self.scrub_batch(&scrub).await?;
                removed.events_removed += batch.events_removed;
                removed.keys_removed += batch.keys_removed;
                removed.is_done = batch.is_done;
            }
            Ok(removed)
        }
    }
}
