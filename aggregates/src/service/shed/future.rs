//! An answer, or that there was no place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::places::Place;

pin_project! {
    /// What came of a command, or that there was no place for it.
    #[must_use = "futures do nothing unless polled"]
    pub struct ShedFuture<F, T, E> {
        #[pin]
        way: Way<F, T, E>,
    }
}

pin_project! {
    #[project = WayProjection]
    #[project_replace = WayReplaced]
    enum Way<F, T, E> {
        LetIn { #[pin] inner: F, place: Place },
        Waits { inner: Pin<Box<dyn Future<Output = Result<T, E>> + Send>> },
        Refused { error: Option<E> },
        Over,
    }
}

impl<F, T, E> ShedFuture<F, T, E> {
    pub(super) fn let_in(inner: F, place: Place) -> Self {
        Self { way: Way::LetIn { inner, place } }
    }

    pub(super) fn waits(inner: impl Future<Output = Result<T, E>> + Send + 'static) -> Self {
        Self { way: Way::Waits { inner: Box::pin(inner) } }
    }

    pub(super) fn refused(error: E) -> Self {
        Self { way: Way::Refused { error: Some(error) } }
    }
}

impl<F, T, E> Future for ShedFuture<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut way = self.project().way;
        let polled = match way.as_mut().project() {
            WayProjection::LetIn { inner, .. } => inner.poll(context),
            WayProjection::Waits { inner } => inner.as_mut().poll(context),
            WayProjection::Refused { error } => {
                Poll::Ready(Err(error.take().expect("nobody polls it after its answer")))
            }
            WayProjection::Over => panic!("polled after its answer"),
        };
        if polled.is_ready() {
            // The place is free from now on, whoever keeps this.
            way.project_replace(Way::Over);
        }
        polled
    }
}

impl<F, T, E> fmt::Debug for ShedFuture<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShedFuture").finish_non_exhaustive()
    }
}
