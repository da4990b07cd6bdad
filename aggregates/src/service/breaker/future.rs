//! An answer through the breaker.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_resilience_circuitbreaker::CircuitBreakerError;

use super::error::BreakerError;
use super::judged::Aside;
use super::watch::Watch;

/// The future of the breaker behind us.
type Inner<T, E> = Pin<Box<dyn Future<Output = Result<T, CircuitBreakerError<E>>> + Send>>;

/// The answer to a request, or that the breaker is open.
#[must_use = "futures do nothing unless polled"]
pub struct BreakerFuture<T, E> {
    /// Nothing once it was answered: a probe that is kept has no place any more.
    pub(super) inner: Option<Inner<T, E>>,
    pub(super) aside: Aside<T, E>,
    pub(super) watch: Arc<Watch>,
}

impl<T, E: From<BreakerError>> Future for BreakerFuture<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = self.inner.as_mut().expect("nobody polls it after its answer");
        let answer = match inner.as_mut().poll(context) {
            Poll::Ready(Ok(answer)) => Ok(answer),
            Poll::Ready(Err(CircuitBreakerError::Inner(error))) => Err(error),
            Poll::Ready(Err(CircuitBreakerError::OpenCircuit)) => {
                Err(BreakerError { retry_after: self.watch.retry_after() }.into())
            }
            // An answer that does not count lies aside; the breaker's own future is dropped.
            Poll::Pending => match self.aside.take() {
                Some(answer) => answer,
                None => return Poll::Pending,
            },
        };
        self.inner = None;
        Poll::Ready(answer)
    }
}

impl<T, E> fmt::Debug for BreakerFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerFuture").field("watch", &self.watch).finish_non_exhaustive()
    }
}
