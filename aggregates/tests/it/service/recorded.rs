//! The metrics of one test: everything on its thread is recorded, nothing else.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// What was recorded so far: for each series how much was counted, its last value, or how many values it has.
pub(super) struct Recorded {
    snapshots: Snapshotter,
    series: BTreeMap<String, f64>,
}

impl Recorded {
    pub(super) fn by(recorder: &DebuggingRecorder) -> Self {
        Self { snapshots: recorder.snapshotter(), series: BTreeMap::new() }
    }

    /// Returns what a series has come to; nothing for one that was never told.
    pub(super) fn of(&self, series: &str) -> f64 {
        self.series.get(series).copied().unwrap_or_default()
    }

    /// Returns all series, as `name{label=value,…}`.
    pub(super) fn series(&self) -> &BTreeMap<String, f64> {
        &self.series
    }

    /// Takes in what was recorded since; gauges stand at what they were set to since.
    pub(super) fn take(&mut self) {
        for (key, _, _, value) in self.snapshots.snapshot().into_vec() {
            let key = key.key();
            let labels: Vec<String> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let told = self.series.entry(format!("{}{{{}}}", key.name(), labels.join(","))).or_default();
            match value {
                #[expect(clippy::cast_precision_loss, reason = "no test counts to 2^53")]
                DebugValue::Counter(n) => *told += n as f64,
                DebugValue::Gauge(value) => *told = value.into_inner(),
                #[expect(clippy::cast_precision_loss, reason = "no test records 2^53 values")]
                DebugValue::Histogram(values) => *told += values.len() as f64,
            }
        }
    }
}
