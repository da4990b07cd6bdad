//! Taking places.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tower::{Service, ServiceExt};

use super::error::ShedError;
use super::future::ShedFuture;
use super::places::Places;
use crate::service::options::WhenFull;

/// A service with so many places. A call that finds none is turned away, or waits until it has one.
///
/// Where calls are turned away it is ready as soon as the service below; where they wait, once a place is free as well.
/// If another call takes that one, the call waits for the next.
#[derive(Debug, Clone)]
pub struct Shed<S> {
    pub(super) inner: S,
    pub(super) places: Arc<Places>,
    pub(super) when_full: WhenFull,
}

impl<S, Request> Service<Request> for Shed<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Error: From<ShedError>,
    S::Future: Send,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ShedFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.when_full == WhenFull::Wait {
            ready!(self.places.poll_free(context));
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if let Some(place) = self.places.take() {
            return ShedFuture::let_in(self.inner.call(request), place);
        }
        if self.when_full == WhenFull::Shed {
            return ShedFuture::refused(self.places.limit());
        }
        let (turn, inner) = (self.places.wait(), self.inner.clone());
        ShedFuture::waits(async move {
            // Held until the answer is there.
            let _place = turn.await;
            inner.oneshot(request).await
        })
    }
}
