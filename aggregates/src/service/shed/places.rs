//! The places of a service: so many, each taken by one command.
//!
//! Guarantees
//! - a place is held by a command that is under way, or by the future of one that waits for it; never by a service that
//!   was found ready and is not called;
//! - whoever waits in a call gets its place in the order in which they began to wait;
//! - whoever found the service not ready is woken when a place is given back, all of them: one that went away meanwhile
//!   keeps nobody else asleep;
//! - once they are closed nobody waits any more, and no place is taken.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places, taken and free.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    limit: usize,
    not_ready: Mutex<Vec<Waker>>,
}

/// The place of one command, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    // Before the other field, and so dropped before it: the place is free when they are woken.
    _taken: OwnedSemaphorePermit,
    _given_back: WakesAll,
}

/// Wakes everybody who found the service not ready.
#[derive(Debug)]
struct WakesAll(Arc<Places>);

impl Places {
    /// Makes so many places, or as many as can be counted.
    pub(super) fn new(limit: usize) -> Arc<Self> {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Arc::new(Self { free: Arc::new(Semaphore::new(limit)), limit, not_ready: Mutex::default() })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes a place, if one is free and nobody waits for it.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let taken = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place { _taken: taken, _given_back: WakesAll(Arc::clone(self)) })
    }

    /// Lets nobody take a place any more; those that are taken stay so until they are given back.
    pub(super) fn close(self: &Arc<Self>) {
        self.free.close();
        drop(WakesAll(Arc::clone(self)));
    }

    pub(super) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// Waits for a place, behind those who wait already; there is none once they are closed.
    pub(super) fn wait(self: &Arc<Self>) -> impl Future<Output = Option<Place>> + Send + use<> {
        let (free, places) = (Arc::clone(&self.free), Arc::clone(self));
        async move {
            // Declared first, and so dropped last: a place that came while the caller went away is free again by then.
            let given_back = WakesAll(places);
            let taken = free.acquire_owned().await.ok()?;
            Some(Place { _taken: taken, _given_back: given_back })
        }
    }

    /// Ready while a place is free, and once none will ever be; it is not taken by that.
    pub(super) fn poll_free(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_free_or_closed() {
            return Poll::Ready(());
        }
        let mut not_ready = self.not_ready();
        if !not_ready.iter().any(|waker| waker.will_wake(context.waker())) {
            not_ready.push(context.waker().clone());
        }
        drop(not_ready);
        // Given back between the first look and the entry, it woke nobody.
        if self.is_free_or_closed() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn is_free_or_closed(&self) -> bool {
        self.free.available_permits() > 0 || self.is_closed()
    }

    fn not_ready(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.not_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for WakesAll {
    fn drop(&mut self) {
        let woken = std::mem::take(&mut *self.0.not_ready());
        woken.into_iter().for_each(Waker::wake);
    }
}
