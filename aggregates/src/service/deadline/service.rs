//! Calling under a deadline.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::Service;

use super::error::{DeadlineError, DeadlineOwner};
use super::future::DeadlineFuture;
use crate::aggregate::Aggregate;
use crate::service::command::Command;

/// A service whose answers come by a deadline. What it gives up is dropped.
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    pub(super) inner: S,
    pub(super) limit: Option<Duration>,
}

impl<A, S> Service<Command<A>> for Deadline<S>
where
    A: Aggregate,
    S: Service<Command<A>>,
    S::Error: From<DeadlineError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        let now = Instant::now();
        // So long that no clock can tell it is as good as none.
        let own = self.limit.and_then(|limit| now.checked_add(limit));
        let own = own.map(|deadline| (deadline, DeadlineOwner::Service));
        let callers = command.deadline.map(|deadline| (deadline, DeadlineOwner::Caller));
        let Some(until) = own.into_iter().chain(callers).min_by_key(|(deadline, _)| *deadline) else {
            return DeadlineFuture::without(self.inner.call(command));
        };
        let (command_id, progress) = (command.command_id, command.progress.clone());
        if until.0 <= now {
            return DeadlineFuture::passed(command_id);
        }
        DeadlineFuture::until(until, self.inner.call(command), command_id, progress)
    }
}
