//! Sending a command under its key.

use std::task::{Context, Poll};

use tower::Service;

use super::error::IdempotencyError;
use super::future::IdempotencyFuture;
use super::keyed::Keyed;
use crate::aggregate::Aggregate;
use crate::handle::HandleError;
use crate::service::command::Command;

/// A service whose commands have one effect, however often they come.
#[derive(Debug, Clone)]
pub struct Idempotency<S> {
    pub(super) inner: S,
    pub(super) attempts: u32,
}

impl<A, S> Service<Command<A>> for Idempotency<S>
where
    A: Aggregate,
    S: Service<Keyed<A>, Error = HandleError<A::Refusal>>,
{
    type Response = S::Response;
    type Error = IdempotencyError<A::Refusal>;
    type Future = IdempotencyFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(IdempotencyError::Handle)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        let command_id = command.command_id;
        IdempotencyFuture::new(self.inner.call(Keyed::new(command, self.attempts)), command_id)
    }
}
