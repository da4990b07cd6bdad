//! An answer within a span.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tracing::Span;

use super::error::TellsFailure;
use crate::service::outcome::{TellsOutcome, outcome_of};
use crate::telemetry::CommandOutcome;

pin_project! {
    /// The answer to a command, which its span tells.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TraceFuture<F> {
        #[pin]
        inner: F,
        span: Told,
    }
}

/// The span of a command, which tells an outcome also where the caller went away.
#[derive(Debug)]
struct Told {
    span: Span,
    outcome: CommandOutcome,
}

impl Drop for Told {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome.as_str());
    }
}

impl<F> TraceFuture<F> {
    pub(super) fn new(inner: F, span: Span) -> Self {
        Self { inner, span: Told { span, outcome: CommandOutcome::Abandoned } }
    }
}

impl<F, T, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<T, E>>,
    T: TellsOutcome,
    E: TellsOutcome + TellsFailure,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let told = this.span;
        let Poll::Ready(answer) = told.span.in_scope(|| this.inner.poll(context)) else {
            return Poll::Pending;
        };
        told.outcome = outcome_of(&answer);
        if !told.span.is_disabled()
            && let Some(failure) = answer.as_ref().err().and_then(TellsFailure::failure)
        {
            told.span.record("error", failure);
        }
        Poll::Ready(answer)
    }
}
