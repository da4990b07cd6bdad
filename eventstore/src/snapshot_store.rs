//! The port: where snapshots are kept.

use std::future::Future;

use crate::read::ReadError;
use crate::snapshot::{NewSnapshot, SnapshotError, SnapshotKind, SnapshotTail};
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::Version;

/// A log that keeps snapshots beside it.
///
/// A snapshot counts as long as the very event that it ends with stands in the stream, and the stream is shown
/// from the version it was shown from then: a stream that was truncated, or deleted and begun again, has none.
pub trait SnapshotStore: EventStore {
    /// Reads the youngest snapshot of a kind and shape, and one page of what stands behind it, at once.
    ///
    /// `up_to` is the highest version a snapshot may have; [`Version::MAX`] for any.
    ///
    /// # Errors
    ///
    /// As [`EventStore::read_tail`].
    fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> impl Future<Output = Result<SnapshotTail, ReadError>> + Send;

    /// Keeps a snapshot, and prunes older ones of its stream, kind and shape: the youngest `keep` stay, at least
    /// one.
    ///
    /// Tells whether it was kept; one of a version that the stream does not show is not.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    fn write_snapshot(
        &self,
        snapshot: NewSnapshot,
        keep: u32,
    ) -> impl Future<Output = Result<bool, SnapshotError>> + Send;

    /// Removes the snapshots of a kind that have another shape, of all streams, and tells how many there were.
    ///
    /// For the time when no program that knows the old shape runs any more.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`].
    fn prune_snapshots(&self, kind: &SnapshotKind)
    -> impl Future<Output = Result<u64, SnapshotError>> + Send;
}
