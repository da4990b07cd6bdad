//! What a metric is: name, kind, unit, labels, description.

use metrics::Unit;

/// One metric of the log, or of what stands on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, such as `annals_appends_total`.
    pub name: &'static str,
    /// How its values add up.
    pub kind: MetricKind,
    /// What it counts in.
    pub unit: MetricUnit,
    /// By what it is told apart.
    pub labels: &'static [Label],
    /// What it says, in a sentence.
    pub description: &'static str,
}

impl Metric {
    /// Makes a row of a table of metrics, for a crate that stands on the log and tells about itself in the same way.
    pub const fn new(
        name: &'static str,
        kind: MetricKind,
        unit: MetricUnit,
        labels: &'static [Label],
        description: &'static str,
    ) -> Self {
        Self { name, kind, unit, labels, description }
    }
}

/// How the values of a metric add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Only rises.
    Counter,
    /// What is so now.
    Gauge,
    /// How values are spread.
    Histogram,
}

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// Occurrences.
    Count,
    /// Events.
    Events,
    /// Positions of the log, which have holes: no number of events.
    Positions,
    /// Seconds.
    Seconds,
    /// The number of a process of the server: no amount.
    ProcessId,
    /// 1 where it is so, else 0.
    Truth,
}

/// What tells the series of a metric apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// Its values; none where they are names of the application.
    pub values: &'static [&'static str],
}

impl MetricKind {
    /// The word in `docs/telemetry.md`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl MetricUnit {
    /// The word in `docs/telemetry.md`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Events => "events",
            Self::Positions => "positions",
            Self::Seconds => "seconds",
            Self::ProcessId => "process id",
            Self::Truth => "0 or 1",
        }
    }

    pub(super) fn of_the_facade(self) -> Unit {
        match self {
            Self::Seconds => Unit::Seconds,
            Self::Count | Self::Events | Self::Positions | Self::ProcessId | Self::Truth => Unit::Count,
        }
    }
}
