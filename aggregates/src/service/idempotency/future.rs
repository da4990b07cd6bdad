//! An answer under a key.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::error::IdempotencyError;
use crate::handle::HandleError;
use crate::service::command::CommandId;

pin_project! {
    /// The answer to a command, or what is wrong with its id.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct IdempotencyFuture<F> {
        #[pin]
        inner: F,
        command_id: CommandId,
    }
}

impl<F> IdempotencyFuture<F> {
    pub(super) fn new(inner: F, command_id: CommandId) -> Self {
        Self { inner, command_id }
    }
}

impl<F, T, R> Future for IdempotencyFuture<F>
where
    F: Future<Output = Result<T, HandleError<R>>>,
{
    type Output = Result<T, IdempotencyError<R>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let command_id = *this.command_id;
        this.inner.poll(context).map_err(|error| IdempotencyError::of(command_id, error))
    }
}
