//! An answer that the end waits for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::error::DrainError;

pin_project! {
    /// What came of a request; until its answer is there, the end is not over.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DrainFuture<F> {
        #[pin]
        inner: Option<F>,
        // Behind the other field, and so dropped after it.
        under_way: Option<TaskTrackerToken>,
        is_refused: bool,
    }
}

impl<F> DrainFuture<F> {
    pub(super) fn let_in(inner: F, under_way: TaskTrackerToken) -> Self {
        Self { inner: Some(inner), under_way: Some(under_way), is_refused: false }
    }

    pub(super) fn refused() -> Self {
        Self { inner: None, under_way: None, is_refused: true }
    }
}

impl<F, T, E> Future for DrainFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<DrainError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.is_refused {
            return Poll::Ready(Err(DrainError.into()));
        }
        let inner = this.inner.as_mut().as_pin_mut().expect("nobody polls it after its answer");
        let polled = inner.poll(context);
        if polled.is_ready() {
            // Whoever keeps this keeps an answer, and nothing that is under way.
            this.inner.set(None);
            *this.under_way = None;
        }
        polled
    }
}
