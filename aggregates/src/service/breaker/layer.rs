//! A breaker for the commands to the aggregates of one category.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tower::Layer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use super::judged::{Judged, NotReached};
use super::options::BreakerOptions;
use super::service::Breaker;
use super::watch::Watch;

/// Puts a circuit breaker before a service.
#[derive(Debug, Clone, Copy)]
pub struct BreakerLayer {
    category: &'static str,
    options: BreakerOptions,
}

impl BreakerLayer {
    /// Makes a layer; the category is told in metrics and messages. What the options have to be at least and
    /// at most, they are.
    pub fn new(category: &'static str, options: BreakerOptions) -> Self {
        let failures_in_a_row = options.failures_in_a_row.max(1);
        let probes = options.probes.clamp(1, Semaphore::MAX_PERMITS);
        Self { category, options: BreakerOptions { failures_in_a_row, probes, ..options } }
    }
}

impl<S> Layer<S> for BreakerLayer {
    type Service = Breaker<S>;

    /// Makes a service with a breaker of its own, which its clones share.
    fn layer(&self, inner: S) -> Breaker<S> {
        let BreakerOptions { failures_in_a_row, open_for, probes } = self.options;
        let watch = Arc::new(Watch::new(self.category, open_for));
        let told = Arc::clone(&watch);
        let layer = CircuitBreakerLayer::builder()
            .failure_classifier_type(NotReached)
            .consecutive_failures(failures_in_a_row)
            .wait_duration_in_open(open_for)
            .permitted_calls_in_half_open(probes)
            .on_state_transition(move |_, state| told.changed_to(state))
            .build()
            .expect("the options that it refuses are within their bounds");
        Breaker { inner: layer.layer(Judged { inner, watch: Arc::clone(&watch) }), watch }
    }
}
