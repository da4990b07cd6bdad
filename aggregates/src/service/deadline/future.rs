//! An answer by a deadline.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::error::{DeadlineError, DeadlineOwner};
use crate::service::command::{CommandId, Progress};

pin_project! {
    /// The answer to a command, or that its deadline has passed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F> {
        #[pin]
        way: Way<F>,
    }
}

pin_project! {
    #[project = WayProjection]
    #[derive(Debug)]
    enum Way<F> {
        Passed { command_id: CommandId },
        Without { #[pin] inner: F },
        Until {
            #[pin]
            inner: F,
            #[pin]
            deadline: Sleep,
            whose: DeadlineOwner,
            command_id: CommandId,
            progress: Progress,
        },
    }
}

impl<F> DeadlineFuture<F> {
    pub(super) fn passed(command_id: CommandId) -> Self {
        Self { way: Way::Passed { command_id } }
    }

    pub(super) fn without(inner: F) -> Self {
        Self { way: Way::Without { inner } }
    }

    pub(super) fn until(
        (deadline, whose): (Instant, DeadlineOwner),
        inner: F,
        command_id: CommandId,
        progress: Progress,
    ) -> Self {
        Self { way: Way::Until { inner, deadline: sleep_until(deadline), whose, command_id, progress } }
    }
}

impl<F, T, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: From<DeadlineError>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let error = match self.project().way.project() {
            WayProjection::Passed { command_id } => DeadlineError::NotBegun { command_id: *command_id },
            WayProjection::Without { inner } => return inner.poll(context),
            WayProjection::Until { inner, deadline, whose, command_id, progress } => {
                // The answer first: one that is there in time is given.
                if let Poll::Ready(answer) = inner.poll(context) {
                    return Poll::Ready(answer);
                }
                if deadline.poll(context).is_pending() {
                    return Poll::Pending;
                }
                let command_id = *command_id;
                match progress.has_begun() {
                    true => DeadlineError::EffectUnknown { command_id, whose: *whose },
                    false => DeadlineError::NotBegun { command_id },
                }
            }
        };
        Poll::Ready(Err(error.into()))
    }
}
