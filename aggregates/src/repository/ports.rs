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

/// States of one aggregate type, kept in memory: the port of a cache.
///
/// [`Repository::with_cache`](crate::Repository::with_cache) brings one; one of your own, with other rules about
/// what stays and how long, is given to [`Repository::with_states`](crate::Repository::with_states). It may forget
/// whatever it likes, and hand out a state that is stale: neither gives a wrong answer. It must hand out nothing
/// but what it was given by `put`: a state that was never committed gives wrong answers, and wrong events.
///
/// # Examples
///
/// A cache that keeps everything for ever:
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
///
/// use annals_aggregates::{Aggregate, Baseline, Repository, States};
/// use annals_eventstore::{EventStore, StreamName};
///
/// struct Everything<A>(Mutex<HashMap<StreamName, Baseline<A>>>);
///
/// impl<A: Aggregate> States<A> for Everything<A> {
///     fn get(&self, stream: &StreamName) -> Option<Baseline<A>> {
///         self.0.lock().ok()?.get(stream).cloned()
///     }
///
///     fn put(&self, stream: &StreamName, baseline: Baseline<A>) {
///         let Ok(mut states) = self.0.lock() else { return };
///         let version = |kept: &Baseline<A>| kept.loaded().version;
///         if states.get(stream).is_none_or(|kept| version(kept) <= version(&baseline)) {
///             states.insert(stream.clone(), baseline);
///         }
///     }
///
///     fn forget(&self, stream: &StreamName) {
///         self.0.lock().ok().and_then(|mut states| states.remove(stream));
///     }
/// }
///
/// fn kept<A: Aggregate, S: EventStore>(store: S) -> Repository<A, S> {
///     Repository::new(store).with_states(Arc::new(Everything(Mutex::default())))
/// }
/// ```
pub trait States<A: Aggregate>: Send + Sync {
    /// Returns the state kept of a stream.
    fn get(&self, stream: &StreamName) -> Option<Baseline<A>>;

    /// Keeps a state that is committed, unless a younger one is kept.
    fn put(&self, stream: &StreamName, baseline: Baseline<A>);

    /// Forgets what is kept of a stream: it shows no events any more.
    fn forget(&self, stream: &StreamName);
}
