//! Snapshots of aggregates: taken after the commit, in the background, and never in the way.
//!
//! Guarantees
//! - a state loaded from a snapshot is the one that a full replay gives: a snapshot in another shape, one that is
//!   damaged, and one of a stream that was cut off or began again are passed over;
//! - no command waits for a snapshot, and none fails because of one.

mod policy;
mod shape;
mod writer;

use std::sync::Arc;

use annals_eventstore::{EventStore, SnapshotStore};

use crate::aggregate::Aggregate;
use crate::repository::Repository;

pub use policy::{SNAPSHOT_EVERY_DEFAULT, SnapshotPolicy};
pub use shape::{Snapshot, SnapshotShape};
use writer::Snapshotter;

impl<A: Snapshot, S: SnapshotStore> Repository<A, S> {
    /// Takes snapshots under a policy, and loads from them: the snapshot and what stands behind it come in one
    /// round trip.
    ///
    /// # Examples
    ///
    /// ```
    /// # use annals_aggregates::{Repository, Snapshot, SnapshotPolicy};
    /// # fn example<Account: Snapshot>(store: impl annals_eventstore::SnapshotStore) {
    /// let accounts = Repository::<Account, _>::new(store).with_snapshots(SnapshotPolicy::every(500));
    /// # }
    /// ```
    #[must_use]
    pub fn with_snapshots(self, policy: SnapshotPolicy<A>) -> Self {
        let snapshotter = Snapshotter::new(self.store().clone(), policy);
        self.with_snapshotter(Arc::new(snapshotter))
    }
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// Waits until every snapshot that was due so far is written or given up: before a process ends, or in a
    /// test.
    pub async fn flush_snapshots(&self) {
        if let Some(snapshots) = self.snapshots() {
            snapshots.flush().await;
        }
    }
}
