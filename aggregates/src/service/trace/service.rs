//! Calling within a span.

use std::task::{Context, Poll};

use tower::Service;
use tracing::{debug_span, field};

use super::error::TellsFailure;
use super::future::TraceFuture;
use crate::aggregate::Aggregate;
use crate::service::command::Command;
use crate::service::outcome::TellsOutcome;

/// A service whose commands have a span each.
#[derive(Debug, Clone)]
pub struct Trace<S> {
    pub(super) inner: S,
}

impl<A, S> Service<Command<A>> for Trace<S>
where
    A: Aggregate,
    S: Service<Command<A>>,
    S::Response: TellsOutcome,
    S::Error: TellsOutcome + TellsFailure,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        let metadata = command.context.metadata();
        let span = debug_span!(
            "command",
            category = A::CATEGORY,
            aggregate = %command.aggregate,
            command = command.name,
            command_id = %command.command_id,
            correlation_id = metadata.correlation_id.as_ref().map(field::display),
            traceparent = metadata.traceparent.as_deref(),
            outcome = field::Empty,
            error = field::Empty,
        );
        let inner = span.in_scope(|| self.inner.call(command));
        TraceFuture::new(inner, span)
    }
}
