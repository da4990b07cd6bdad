//! An answer that is counted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::under_way::UnderWay;
use crate::service::outcome::{TellsOutcome, outcome_of};

pin_project! {
    /// The answer to a command that is counted.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MeterFuture<F> {
        #[pin]
        inner: F,
        under_way: Option<UnderWay>,
    }
}

impl<F> MeterFuture<F> {
    pub(super) fn new(inner: F, under_way: UnderWay) -> Self {
        Self { inner, under_way: Some(under_way) }
    }
}

impl<F, T, E> Future for MeterFuture<F>
where
    F: Future<Output = Result<T, E>>,
    T: TellsOutcome,
    E: TellsOutcome,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Poll::Ready(answer) = this.inner.poll(context) else { return Poll::Pending };
        if let Some(mut under_way) = this.under_way.take() {
            under_way.outcome = outcome_of(&answer);
        }
        Poll::Ready(answer)
    }
}
