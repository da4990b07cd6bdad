//! What the breaker behind us gets to see: answers that say something about the log, and no others.
//!
//! It knows success and failure alone. An answer that is neither is put aside, and our own future, which finds it
//! there, drops the breaker's: a call that was dropped counts as nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::Service;
use tower_resilience_circuitbreaker::FailureClassifier;

use super::error::{Evidence, TellsEvidence};
use super::watch::Watch;

/// Where an answer is put that does not count.
#[derive(Debug)]
pub(super) struct Aside<T, E>(Arc<Mutex<Option<Result<T, E>>>>);

impl<T, E> Aside<T, E> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    fn put(&self, answer: Result<T, E>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub(super) fn take(&self) -> Option<Result<T, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T, E> Clone for Aside<T, E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Calls a service and puts aside what does not count.
#[derive(Debug, Clone)]
pub(super) struct Judged<S> {
    pub(super) inner: S,
    pub(super) watch: Arc<Watch>,
}

/// A request, and where an answer is put that does not count.
pub(super) type Asked<Request, T, E> = (Request, Aside<T, E>);

impl<S, Request> Service<Asked<Request, S::Response, S::Error>> for Judged<S>
where
    S: Service<Request>,
    S::Error: TellsEvidence,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = JudgedFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, (request, aside): Asked<Request, S::Response, S::Error>) -> Self::Future {
        // The breaker has just let it through: what it changes later is told apart by this.
        let changes = self.watch.changes();
        JudgedFuture { inner: self.inner.call(request), aside, watch: Arc::clone(&self.watch), changes }
    }
}

pin_project! {
    /// An answer that counts. Otherwise it is put aside, and this never ends.
    #[derive(Debug)]
    pub(super) struct JudgedFuture<F, T, E> {
        #[pin]
        inner: F,
        aside: Aside<T, E>,
        watch: Arc<Watch>,
        changes: u64,
    }
}

impl<F, T, E> Future for JudgedFuture<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    E: TellsEvidence,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Poll::Ready(answer) = this.inner.poll(context) else { return Poll::Pending };
        let is_of_another_state = this.watch.changes() != *this.changes;
        let says_nothing = answer.as_ref().is_err_and(|error| error.evidence() == Evidence::None);
        if is_of_another_state || says_nothing {
            this.aside.put(answer);
            // Nobody needs to be woken: whoever polls this looks aside next.
            return Poll::Pending;
        }
        Poll::Ready(answer)
    }
}

/// Counts what says that the log was not reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotReached;

impl<T, E: TellsEvidence> FailureClassifier<T, E> for NotReached {
    fn classify(&self, answer: &Result<T, E>) -> bool {
        answer.as_ref().is_err_and(|error| error.evidence() == Evidence::NotReached)
    }
}
