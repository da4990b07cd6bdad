//! Reading and writing snapshots: reads are part of a load, writes go through a queue of their own.
//!
//! Guarantees: a full queue, a state that cannot be written and a store that fails cost a snapshot and nothing
//! else.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use annals_eventstore::{
    NewSnapshot, Payload, ReadError, SnapshotStore, SnapshotTail, StoredSnapshot, StreamName, Version,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use super::policy::SnapshotPolicy;
use super::shape::{Snapshot, kind};
use crate::baseline::Baseline;
use crate::loaded::Loaded;
use crate::repository::{Boxed, Snapshots, Start};

/// How many states wait to be written; a further one is let go, and the next command offers a younger one.
const QUEUE_STATES: usize = 64;

/// Takes snapshots of the aggregates of one type.
pub(super) struct Snapshotter<A, S> {
    store: S,
    policy: SnapshotPolicy<A>,
    queue: OnceLock<mpsc::Sender<Job<A>>>,
    /// Streams of which a state waits or is being written: a second one would be written for nothing.
    under_way: Arc<Mutex<HashSet<StreamName>>>,
}

enum Job<A> {
    Write(StreamName, Loaded<A>),
    Flush(oneshot::Sender<()>),
}

impl<A: Snapshot, S: SnapshotStore> Snapshotter<A, S> {
    pub(super) fn new(store: S, policy: SnapshotPolicy<A>) -> Self {
        Self { store, policy, queue: OnceLock::new(), under_way: Arc::default() }
    }

    /// Returns the queue, starting its writer with the first state.
    fn queue(&self) -> &mpsc::Sender<Job<A>> {
        self.queue.get_or_init(|| {
            let (sender, mut jobs) = mpsc::channel(QUEUE_STATES);
            let (store, keep, under_way) =
                (self.store.clone(), self.policy.keep(), Arc::clone(&self.under_way));
            tokio::spawn(async move {
                while let Some(job) = jobs.recv().await {
                    match job {
                        Job::Write(stream, loaded) => {
                            write(&store, &stream, loaded, keep).await;
                            locked(&under_way).remove(&stream);
                        }
                        Job::Flush(done) => drop(done.send(())),
                    }
                }
            });
            sender
        })
    }
}

impl<A: Snapshot, S: SnapshotStore> Snapshots<A> for Snapshotter<A, S> {
    fn start<'a>(
        &'a self,
        stream: &'a StreamName,
        up_to: Version,
        limit: usize,
    ) -> Boxed<'a, Result<Option<Start<A>>, ReadError>> {
        Box::pin(async move {
            let read = self.store.read_from_snapshot(stream, &kind::<A>(), up_to, limit).await?;
            let SnapshotTail { snapshot, tail } = read;
            let Some(snapshot) = snapshot else {
                return Ok(Some(Start { baseline: Baseline::default(), tail }));
            };
            let Some(state) = state(stream, &snapshot) else { return Ok(None) };
            let loaded = Loaded { state, version: snapshot.version };
            let baseline = Baseline { loaded, snapshot: snapshot.version, replay: Duration::ZERO };
            Ok(Some(Start { baseline, tail }))
        })
    }

    fn offer(&self, stream: &StreamName, baseline: &mut Baseline<A>) {
        if !self.policy.is_due(baseline) || !locked(&self.under_way).insert(stream.clone()) {
            return;
        }
        match self.queue().try_send(Job::Write(stream.clone(), baseline.loaded.clone())) {
            Ok(()) => {
                baseline.snapshot = baseline.loaded.version;
                baseline.replay = Duration::ZERO;
            }
            Err(_) => {
                locked(&self.under_way).remove(stream);
                debug!(%stream, "too many snapshots wait to be written, this one is left out");
            }
        }
    }

    fn flush(&self) -> Boxed<'_, ()> {
        Box::pin(async move {
            let Some(queue) = self.queue.get() else { return };
            let (done, flushed) = oneshot::channel();
            // A writer that is gone has nothing left to write.
            if queue.send(Job::Flush(done)).await.is_ok() {
                flushed.await.ok();
            }
        })
    }
}

fn locked(streams: &Mutex<HashSet<StreamName>>) -> MutexGuard<'_, HashSet<StreamName>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the state of a snapshot; nothing where it is damaged or has another shape than it says.
fn state<A: Snapshot>(stream: &StreamName, snapshot: &StoredSnapshot) -> Option<A> {
    let version = snapshot.version;
    if !snapshot.is_intact() {
        warn!(%stream, %version, "snapshot is damaged, the stream is replayed");
        return None;
    }
    match snapshot.state.decode() {
        Ok(state) => Some(state),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            warn!(%stream, %version, error, "snapshot has another shape than it says, the stream is replayed");
            None
        }
    }
}

async fn write<A: Snapshot, S: SnapshotStore>(store: &S, stream: &StreamName, loaded: Loaded<A>, keep: u32) {
    let version = loaded.version;
    let state = match Payload::encode(&loaded.state) {
        Ok(state) => state,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            return warn!(%stream, %version, error, "state cannot be written as a snapshot");
        }
    };
    let new = NewSnapshot { stream: stream.clone(), kind: kind::<A>(), version, state };
    match store.write_snapshot(new, keep).await {
        Ok(true) => debug!(%stream, %version, "snapshot written"),
        Ok(false) => debug!(%stream, %version, "stream was cut off meanwhile, no snapshot"),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            warn!(%stream, %version, error, "snapshot could not be written");
        }
    }
}

impl<A, S> fmt::Debug for Snapshotter<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshotter").field("policy", &self.policy).finish_non_exhaustive()
    }
}
