//! The recorder of metrics, for a page in the text format of Prometheus.

use std::time::Duration;

use annals_eventstore::telemetry::{self, MetricKind, MetricUnit};
use annals_projections::telemetry as of_runners;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::warn;

/// How often values are put into their buckets, so that they do not pile up while nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of what takes seconds: from a commit on a good disk to a batch that waits for somebody.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Bounds of what counts events: from one to a full batch and more.
const EVENTS: &[f64] =
    &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0];

/// Installs a recorder for the whole process and tells it what the metrics mean; nothing where there is one already.
pub(crate) fn install() -> Option<PrometheusHandle> {
    let metrics = telemetry::metrics().into_iter().chain(of_runners::metrics());
    let histograms = metrics.filter(|metric| metric.kind == MetricKind::Histogram);
    let builder = histograms.fold(PrometheusBuilder::new(), |builder, metric| {
        let bounds = if metric.unit == MetricUnit::Seconds { SECONDS } else { EVENTS };
        let name = Matcher::Full(metric.name.to_owned());
        builder.set_buckets_for_metric(name, bounds).expect("there are bounds")
    });
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        warn!("the program has a recorder of metrics already; /metrics stays empty");
        return None;
    }
    telemetry::describe_metrics();
    of_runners::describe_metrics();
    let kept_up = handle.clone();
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(UPKEEP);
        loop {
            turns.tick().await;
            kept_up.run_upkeep();
        }
    });
    Some(handle)
}
