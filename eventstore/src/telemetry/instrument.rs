//! The instruments: a static each, whose series are keys made once.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{Key, Level, Metadata, with_recorder};

use super::label::Labels;
use super::metric::{Metric, MetricKind, MetricUnit};

/// Where the metrics come from, for recorders that filter.
const ORIGIN: Metadata<'static> = Metadata::new("annals_eventstore", Level::INFO, None);

/// A metric and the keys of its series.
pub(crate) struct Instrument<K, L> {
    metric: Metric,
    keys: OnceLock<Vec<Key>>,
    shape: PhantomData<fn(K, L)>,
}

/// What an instrument does with a value.
pub(crate) trait Kind {
    const KIND: MetricKind;
}

/// Only rises.
pub(crate) enum Rising {}
/// What is so now.
pub(crate) enum Standing {}
/// How values are spread.
pub(crate) enum Spread {}

impl Kind for Rising {
    const KIND: MetricKind = MetricKind::Counter;
}

impl Kind for Standing {
    const KIND: MetricKind = MetricKind::Gauge;
}

impl Kind for Spread {
    const KIND: MetricKind = MetricKind::Histogram;
}

pub(crate) type Counter<L> = Instrument<Rising, L>;
pub(crate) type Gauge<L> = Instrument<Standing, L>;
pub(crate) type Histogram<L> = Instrument<Spread, L>;

impl<K: Kind, L: Labels> Instrument<K, L> {
    pub(super) const fn new(name: &'static str, unit: MetricUnit, description: &'static str) -> Self {
        let metric = Metric { name, kind: K::KIND, unit, labels: L::LABELS, description };
        Self { metric, keys: OnceLock::new(), shape: PhantomData }
    }

    pub(super) fn metric(&self) -> Metric {
        self.metric
    }

    fn key(&self, labels: &L) -> Cow<'_, Key> {
        match labels.index() {
            Some(index) => Cow::Borrowed(&self.keys.get_or_init(|| all_keys(&self.metric))[index]),
            None => Cow::Owned(Key::from_parts(self.metric.name, labels.values())),
        }
    }
}

/// The keys of every combination of labels, the last label running fastest.
fn all_keys(metric: &Metric) -> Vec<Key> {
    let mut sets = vec![Vec::new()];
    for label in metric.labels {
        let with = |set: &Vec<metrics::Label>, value| {
            let mut set = set.clone();
            set.push(metrics::Label::from_static_parts(label.name, value));
            set
        };
        sets = sets.iter().flat_map(|set| label.values.iter().map(move |value| with(set, value))).collect();
    }
    sets.into_iter().map(|labels| Key::from_parts(metric.name, labels)).collect()
}

impl<L: Labels> Counter<L> {
    /// Counts one.
    pub(crate) fn count(&self, labels: L) {
        self.add(labels, 1);
    }

    /// Counts several.
    #[expect(clippy::needless_pass_by_value, reason = "labels are small and made for the call")]
    pub(crate) fn add(&self, labels: L, n: usize) {
        let key = self.key(&labels);
        with_recorder(|recorder| recorder.register_counter(&key, &ORIGIN).increment(n as u64));
    }
}

impl<L: Labels> Gauge<L> {
    /// Says what is so now.
    #[expect(clippy::needless_pass_by_value, reason = "labels are small and made for the call")]
    pub(crate) fn set(&self, labels: L, value: f64) {
        let key = self.key(&labels);
        with_recorder(|recorder| recorder.register_gauge(&key, &ORIGIN).set(value));
    }

    /// Says what is so now, counted in whole numbers.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is for eyes, and f64 is exact up to 2^53")]
    pub(crate) fn set_count(&self, labels: L, value: i64) {
        self.set(labels, value as f64);
    }

    /// Changes by so much.
    #[expect(clippy::needless_pass_by_value, reason = "labels are small and made for the call")]
    pub(crate) fn change(&self, labels: L, by: f64) {
        let key = self.key(&labels);
        with_recorder(|recorder| recorder.register_gauge(&key, &ORIGIN).increment(by));
    }
}

impl<L: Labels> Histogram<L> {
    /// Records how long something took.
    pub(crate) fn record(&self, labels: L, took: Duration) {
        self.record_value(labels, took.as_secs_f64());
    }

    /// Records how many there were.
    #[expect(clippy::cast_precision_loss, reason = "no page or queue holds 2^53 events")]
    pub(crate) fn record_count(&self, labels: L, n: usize) {
        self.record_value(labels, n as f64);
    }

    #[expect(clippy::needless_pass_by_value, reason = "labels are small and made for the call")]
    fn record_value(&self, labels: L, value: f64) {
        let key = self.key(&labels);
        with_recorder(|recorder| recorder.register_histogram(&key, &ORIGIN).record(value));
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
