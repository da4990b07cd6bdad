//! An answer, or that there was no place.

use std::error::Error;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower::BoxError;

use super::error::ShedError;

pin_project! {
    /// What came of a request, or that there was no place for it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ShedFuture<F, E> {
        #[pin]
        inner: F,
        limit: usize,
        error: PhantomData<fn() -> E>,
    }
}

impl<F, E> ShedFuture<F, E> {
    pub(super) fn new(inner: F, limit: usize) -> Self {
        Self { inner, limit, error: PhantomData }
    }
}

impl<F, T, E> Future for ShedFuture<F, E>
where
    F: Future<Output = Result<T, BoxError>>,
    E: From<ShedError> + Error + Send + Sync + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let limit = *this.limit;
        this.inner.poll(context).map_err(|error| typed(error, limit))
    }
}

/// Returns the service's own error out of its box; what else is in there says that there was no place.
pub(super) fn typed<E>(error: BoxError, limit: usize) -> E
where
    E: From<ShedError> + Error + Send + Sync + 'static,
{
    error.downcast::<E>().map_or_else(|_overloaded| ShedError { limit }.into(), |own| *own)
}
