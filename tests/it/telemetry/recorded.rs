//! A recorder for one test: everything on its thread is recorded, nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use annals_devdb::TestFailure;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// How long anything may take before the test counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was recorded so far: for each series how much was counted, its last value, or how many values it has.
pub(super) struct Recorded {
    snapshots: Snapshotter,
    series: BTreeMap<(String, String), f64>,
}

impl Recorded {
    pub(super) fn by(recorder: &DebuggingRecorder) -> Self {
        Self { snapshots: recorder.snapshotter(), series: BTreeMap::new() }
    }

    /// Returns what a metric has come to in all series whose labels hold a text.
    pub(super) fn sum(&mut self, name: &str, labels: &str) -> f64 {
        self.take();
        let matching = self.series.iter().filter(|((of, with), _)| of == name && with.contains(labels));
        matching.map(|(_, value)| value).sum()
    }

    /// Returns the names of the series.
    pub(super) fn series(&mut self) -> Vec<String> {
        self.take();
        self.series.iter().map(|((name, labels), value)| format!("{name}{{{labels}}} {value}")).collect()
    }

    /// True where a metric was emitted with something to tell.
    pub(super) fn has(&mut self, name: &str) -> bool {
        self.take();
        self.series.keys().any(|(of, _)| of == name)
    }

    /// Lets other tasks run until a metric has been emitted.
    pub(super) async fn until(&mut self, name: &str, labels: &str) -> Result<(), TestFailure> {
        let begun = Instant::now();
        while self.sum(name, labels) <= 0.0 {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{name}{{{labels}}} was never emitted: {:#?}", self.series()).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn take(&mut self) {
        for (key, _, _, value) in self.snapshots.snapshot().into_vec() {
            let key = key.key();
            let labels: Vec<String> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let series = (key.name().to_owned(), labels.join(","));
            match value {
                // A counter that counted nothing was not emitted.
                DebugValue::Counter(0) => {}
                #[expect(clippy::cast_precision_loss, reason = "no test counts to 2^53")]
                DebugValue::Counter(n) => *self.series.entry(series).or_default() += n as f64,
                DebugValue::Gauge(value) => drop(self.series.insert(series, value.into_inner())),
                #[expect(clippy::cast_precision_loss, reason = "no test records 2^53 values")]
                DebugValue::Histogram(values) if !values.is_empty() => {
                    *self.series.entry(series).or_default() += values.len() as f64;
                }
                DebugValue::Histogram(_) => {}
            }
        }
    }
}
