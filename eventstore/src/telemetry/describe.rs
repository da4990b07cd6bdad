//! Telling a recorder what the metrics mean.

use metrics::{KeyName, with_recorder};

use super::metric::{Metric, MetricKind};
use super::table::metrics;

/// Tells the installed recorder what each metric of the log means. Call it once, after the recorder was installed;
/// metrics are recorded without it as well.
///
/// # Examples
///
/// ```
/// // After the program has installed the recorder of its choice:
/// annals_eventstore::telemetry::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe(metrics());
}

/// Tells the installed recorder what these metrics mean.
pub fn describe(metrics: impl IntoIterator<Item = Metric>) {
    with_recorder(|recorder| {
        for metric in metrics {
            let name = KeyName::from_const_str(metric.name);
            let (unit, description) = (Some(metric.unit.of_the_facade()), metric.description.into());
            match metric.kind {
                MetricKind::Counter => recorder.describe_counter(name, unit, description),
                MetricKind::Gauge => recorder.describe_gauge(name, unit, description),
                MetricKind::Histogram => recorder.describe_histogram(name, unit, description),
            }
        }
    });
}
