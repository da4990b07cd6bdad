//! Turning away what finds no place.

use std::error::Error;
use std::task::{Context, Poll};

use tower::Service;
use tower::limit::ConcurrencyLimit;
use tower::load_shed::LoadShed;

use super::error::ShedError;
use super::future::{ShedFuture, typed};

/// A service that is always ready, and turns away what comes while all places are taken.
#[derive(Debug, Clone)]
pub struct Shed<S> {
    pub(super) inner: LoadShed<ConcurrencyLimit<S>>,
    pub(super) limit: usize,
}

impl<S, Request> Service<Request> for Shed<S>
where
    S: Service<Request>,
    S::Error: From<ShedError> + Error + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ShedFuture<<LoadShed<ConcurrencyLimit<S>> as Service<Request>>::Future, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context).map_err(|error| typed(error, self.limit))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        ShedFuture::new(self.inner.call(request), self.limit)
    }
}
