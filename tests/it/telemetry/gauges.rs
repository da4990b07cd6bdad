//! A recorder of gauges for one test: what each says now. (The one for all kinds of metrics forgets a gauge when it is
//! looked at.)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use annals_devdb::TestResult;
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// How long anything may take before the test counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The gauges of a thread, by name and labels.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

/// One of them.
struct Series(String, Gauges);

impl Gauges {
    /// Returns what a gauge says now: `name{label=value}`.
    pub(super) fn get(&self, series: &str) -> Option<f64> {
        self.0.lock().expect("nothing panics here").get(series).copied()
    }

    /// Lets other tasks run until a gauge says something.
    pub(super) async fn until(&self, series: &str, says: impl Fn(f64) -> bool) -> TestResult {
        let begun = Instant::now();
        while !self.get(series).is_some_and(&says) {
            if begun.elapsed() > PATIENCE {
                return Err(format!("{series} says {:?} in {self:?}", self.get(series)).into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    fn change(&self, series: &str, change: impl FnOnce(f64) -> f64) {
        let mut all = self.0.lock().expect("nothing panics here");
        let before = all.get(series).copied().unwrap_or_default();
        all.insert(series.to_owned(), change(before));
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.1.change(&self.0, |before| before + value);
    }

    fn decrement(&self, value: f64) {
        self.1.change(&self.0, |before| before - value);
    }

    fn set(&self, value: f64) {
        self.1.change(&self.0, |_| value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let labels: Vec<String> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Gauge::from_arc(Arc::new(Series(format!("{}{{{}}}", key.name(), labels.join(",")), self.clone())))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
