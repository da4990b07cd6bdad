//! An answer that the end waits for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::error::DrainError;

pin_project! {
    /// What came of a request; while it is there, the end is not over.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DrainFuture<F> {
        #[pin]
        inner: Option<F>,
        under_way: Option<TaskTrackerToken>,
    }
}

impl<F> DrainFuture<F> {
    pub(super) fn let_in(inner: F, under_way: TaskTrackerToken) -> Self {
        Self { inner: Some(inner), under_way: Some(under_way) }
    }

    pub(super) fn refused() -> Self {
        Self { inner: None, under_way: None }
    }
}

impl<F, T, E> Future for DrainFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<DrainError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().inner.as_pin_mut() {
            Some(inner) => inner.poll(context),
            None => Poll::Ready(Err(DrainError.into())),
        }
    }
}
