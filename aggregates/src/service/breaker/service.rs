//! Calling through the breaker.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use tower_resilience_circuitbreaker::{CircuitBreaker, CircuitBreakerError};

use super::error::{BreakerError, TellsEvidence};
use super::future::BreakerFuture;
use super::judged::{Aside, Judged, NotReached};
use super::watch::Watch;

/// A service behind a circuit breaker. An open breaker is ready: it turns away at once.
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
        // Named, since it serves requests of more than one type.
        let ready = Service::<(Request, Aside<S::Response, S::Error>)>::poll_ready(&mut self.inner, context);
        ready.map_err(|error| match error {
            CircuitBreakerError::OpenCircuit => BreakerError { retry_after: self.watch.retry_after() }.into(),
            CircuitBreakerError::Inner(error) => error,
        })
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let aside = Aside::new();
        let inner = self.inner.call((request, aside.clone()));
        BreakerFuture { inner, aside, watch: Arc::clone(&self.watch) }
    }
}

impl<S> std::fmt::Debug for Breaker<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Breaker").field("watch", &self.watch).finish_non_exhaustive()
    }
}
