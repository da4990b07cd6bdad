//! What the pages know.

use std::sync::OnceLock;
use std::time::Duration;

use annals_eventstore::PostgresStore;
use annals_projections::{Operator, RunnerHealth};
use metrics_exporter_prometheus::PrometheusHandle;

/// What the pages know.
#[derive(Debug)]
pub(super) struct Shown {
    /// The runner, once it has started.
    pub(super) runner: OnceLock<ShownRunner>,
    /// The metrics; none where the program has a recorder of its own.
    pub(super) metrics: Option<PrometheusHandle>,
    pub(super) ready_lag: Duration,
}

/// A runner that has started.
#[derive(Debug)]
pub(super) struct ShownRunner {
    pub(super) store: PostgresStore,
    pub(super) operator: Operator,
    pub(super) health: RunnerHealth,
}
