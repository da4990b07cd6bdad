//! Metrics for commands.

use tower::Layer;

use super::service::Meter;

/// Counts and measures commands; see `docs/telemetry.md`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MeterLayer;

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter { inner }
    }
}
