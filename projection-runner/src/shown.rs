//! What the pages know.

use std::sync::OnceLock;
use std::time::Duration;

use annals_runner::ShownRunner;
use metrics_exporter_prometheus::PrometheusHandle;

/// What the pages know.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The runner, once it has started.
    pub(crate) runner: OnceLock<ShownRunner>,
    /// The metrics; none where the program has a recorder of its own.
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) ready_lag: Duration,
}
