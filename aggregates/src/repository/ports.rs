//! What may stand beside a repository and shorten its loads: snapshots, and states kept in memory.

use std::future::Future;
use std::pin::Pin;

use annals_eventstore::{ReadError, StreamName, StreamTail, Version};

use crate::aggregate::Aggregate;
use crate::baseline::Baseline;

/// A future whose type is forgotten.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a load begins: a state, and the first page of what stands behind it.
pub(crate) struct Start<A> {
    pub(crate) baseline: Baseline<A>,
    pub(crate) tail: StreamTail,
}

/// Snapshots of one aggregate type.
pub(crate) trait Snapshots<A: Aggregate>: Send + Sync {
    /// Reads the youngest snapshot up to a version and what stands behind it; nothing where there is a snapshot
    /// that cannot be read.
    fn start<'a>(
        &'a self,
        stream: &'a StreamName,
        up_to: Version,
        limit: usize,
    ) -> Boxed<'a, Result<Option<Start<A>>, ReadError>>;

    /// Looks at a state that is committed, and has it kept where that is due. Never waits.
    fn offer(&self, stream: &StreamName, baseline: &mut Baseline<A>);

    /// Waits until everything offered before was kept or given up.
    fn flush(&self) -> Boxed<'_, ()>;
}

/// States of one aggregate type, kept in memory.
pub(crate) trait States<A: Aggregate>: Send + Sync {
    /// Returns the state kept of a stream.
    fn get(&self, stream: &StreamName) -> Option<Baseline<A>>;

    /// Keeps a state that is committed, unless a younger one is kept.
    fn put(&self, stream: &StreamName, baseline: Baseline<A>);

    /// Forgets what is kept of a stream.
    fn forget(&self, stream: &StreamName);
}
