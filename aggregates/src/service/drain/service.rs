//! Letting in, until the end was called.

use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;
use tower::Service;

use super::error::DrainError;
use super::future::DrainFuture;

/// A service that can be shut down.
#[derive(Debug, Clone)]
pub struct Drain<S> {
    pub(super) inner: S,
    pub(super) tracker: TaskTracker,
}

impl<S, Request> Service<Request> for Drain<S>
where
    S: Service<Request>,
    S::Error: From<DrainError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DrainFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // Ready to refuse: whoever waits for a place has to learn that none will come, and is counted when it calls.
        if self.tracker.is_closed() {
            return Poll::Ready(Ok(()));
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Counted before the look: whoever closes afterwards waits for it.
        let under_way = self.tracker.token();
        if self.tracker.is_closed() {
            return DrainFuture::refused();
        }
        DrainFuture::let_in(self.inner.call(request), under_way)
    }
}
