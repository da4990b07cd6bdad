//! Spans for commands.

use tower::Layer;

use super::service::Trace;

/// Puts a span around each command; see `docs/telemetry.md`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}
