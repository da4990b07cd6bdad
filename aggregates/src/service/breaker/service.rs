//! Calling through the breaker.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tower_resilience_circuitbreaker::CircuitBreaker;

use super::error::{BreakerError, TellsEvidence};
use super::future::BreakerFuture;
use super::judged::{Aside, Judged, NotReached};
use super::watch::Watch;

/// A service behind a circuit breaker. It is ready as soon as the service below; an open breaker turns away in
/// the call.
#[derive(Clone)]
pub struct Breaker<S> {
    pub(super) inner: CircuitBreaker<Judged<S>, NotReached>,
    pub(super) watch: Arc<Watch>,
}

impl<S, Request> Service<Request> for Breaker<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: From<BreakerError> + TellsEvidence + Send + 'static,
    S::Future: Send + 'static,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BreakerFuture<S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // The service below alone: the library's own readiness looks at its state under a lock, and where another
        // holds that it is not ready for a moment. The call waits for the lock, and decides.
        // Named, since it serves requests of more than one type.
        Service::<(Request, Aside<S::Response, S::Error>)>::poll_ready(self.inner.get_mut(), context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let aside = Aside::new();
        let inner = Some(self.inner.call((request, aside.clone())));
        BreakerFuture { inner, aside, watch: Arc::clone(&self.watch) }
    }
}

impl<S> std::fmt::Debug for Breaker<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker").field("watch", &self.watch).finish_non_exhaustive()
    }
}
