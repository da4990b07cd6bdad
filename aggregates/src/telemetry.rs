//! What commands tell about themselves: metrics through the `metrics` facade, a span through `tracing`.
//!
//! Guarantees
//! - labels are the names of aggregates and of commands, which stand in the program, and values known beforehand:
//!   never an id of an aggregate or of a command;
//! - every metric and every span stands in a table here, and `docs/telemetry.md` lists just these.
//!
//! Leaves to others: recorders, exporters and subscribers, which are the program's.

use std::time::Duration;

use annals_eventstore::telemetry::{Label, Metric, MetricKind, MetricUnit, Span, describe};
use metrics::{Key, Level, Metadata, with_recorder};

/// Where the metrics come from, for recorders that filter.
const ORIGIN: Metadata<'static> = Metadata::new("annals_aggregates", Level::INFO, None);

const CATEGORY: Label = Label { name: "category", values: &[] };
const COMMAND: Label = Label { name: "command", values: &[] };
const OUTCOME: Label = Label { name: "outcome", values: &OUTCOMES };
const STATE: Label = Label { name: "state", values: &["closed", "open", "half_open"] };

/// The texts of [`CommandOutcome`], in its order.
const OUTCOMES: [&str; 12] = [
    "accepted",
    "nothing",
    "already_applied",
    "refused",
    "conflict",
    "fault",
    "unknown",
    "shed",
    "timeout",
    "breaker_open",
    "shut_down",
    "abandoned",
];

/// What came of a command, as metrics and spans tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandOutcome {
    /// Its events were stored by this call.
    Accepted,
    /// Nothing had to happen.
    Nothing,
    /// An earlier call under its id had stored its events.
    AlreadyApplied,
    /// The domain said no, or another stream holds the claim.
    Refused,
    /// Other writers came first each time.
    Conflict,
    /// A machine failed, the aggregate's code panicked, or the call made no sense; nothing was written.
    Fault,
    /// It may have been carried out.
    Unknown,
    /// Too many were under way.
    Shed,
    /// Its deadline passed.
    Timeout,
    /// The circuit breaker was open.
    BreakerOpen,
    /// The service was being shut down.
    ShutDown,
    /// Whoever asked went away.
    Abandoned,
}

impl CommandOutcome {
    /// Returns the value of the label.
    pub fn as_str(self) -> &'static str {
        OUTCOMES[self as usize]
    }
}

/// Where a circuit breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

const COMMANDS: Metric = Metric::new(
    "annals_commands_total",
    MetricKind::Counter,
    MetricUnit::Count,
    &[CATEGORY, COMMAND, OUTCOME],
    "Commands that ended, by what came of them.",
);

const DURATION: Metric = Metric::new(
    "annals_command_duration_seconds",
    MetricKind::Histogram,
    MetricUnit::Seconds,
    &[CATEGORY, COMMAND],
    "How long commands took, those that were turned away at once included.",
);

const UNDER_WAY: Metric = Metric::new(
    "annals_commands_under_way",
    MetricKind::Gauge,
    MetricUnit::Count,
    &[CATEGORY],
    "Commands that have not been answered yet.",
);

const BREAKER_CHANGES: Metric = Metric::new(
    "annals_command_breaker_changes_total",
    MetricKind::Counter,
    MetricUnit::Count,
    &[CATEGORY, STATE],
    "How often the circuit breaker of a command service came into a state.",
);

const BREAKER_OPEN: Metric = Metric::new(
    "annals_command_breaker_open",
    MetricKind::Gauge,
    MetricUnit::Count,
    &[CATEGORY],
    "Circuit breakers that turn commands away, all of them or all but a few.",
);

/// Returns every metric of commands, in the order of `docs/telemetry.md`.
pub fn metrics() -> Vec<Metric> {
    vec![COMMANDS, DURATION, UNDER_WAY, BREAKER_CHANGES, BREAKER_OPEN]
}

/// Returns every span of commands. All are of the level `debug`.
pub fn spans() -> &'static [Span] {
    SPANS
}

const SPANS: &[Span] = &[Span {
    name: "command",
    fields: &[
        "category",
        "aggregate",
        "command",
        "command_id",
        "correlation_id",
        "traceparent",
        "outcome",
        "error",
    ],
    description: "A command on its way through the command service; `error` tells a failure, and no refusal.",
}];

/// Tells the installed recorder what each metric of commands means. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe(metrics());
}

/// Counts a command that ended, and how long it took.
pub(crate) fn command_ended(
    category: &'static str,
    command: &'static str,
    outcome: CommandOutcome,
    took: Duration,
) {
    let (count, duration) =
        (key(&COMMANDS, &[category, command, outcome.as_str()]), key(&DURATION, &[category, command]));
    with_recorder(|recorder| {
        recorder.register_counter(&count, &ORIGIN).increment(1);
        recorder.register_histogram(&duration, &ORIGIN).record(took.as_secs_f64());
    });
}

/// Counts commands that began (1) or ended (-1).
pub(crate) fn commands_under_way(category: &'static str, change: f64) {
    let key = key(&UNDER_WAY, &[category]);
    with_recorder(|recorder| recorder.register_gauge(&key, &ORIGIN).increment(change));
}

/// Counts a change of a circuit breaker.
pub(crate) fn breaker_changed(category: &'static str, state: BreakerState) {
    let changes = key(&BREAKER_CHANGES, &[category, STATE.values[state as usize]]);
    with_recorder(|recorder| recorder.register_counter(&changes, &ORIGIN).increment(1));
}

/// Counts breakers that began (1) or ended (-1) to turn commands away.
pub(crate) fn breakers_open(category: &'static str, change: f64) {
    let open = key(&BREAKER_OPEN, &[category]);
    with_recorder(|recorder| recorder.register_gauge(&open, &ORIGIN).increment(change));
}

fn key(metric: &Metric, values: &[&'static str]) -> Key {
    let labels = metric.labels.iter().zip(values);
    let labels = labels.map(|(label, value)| metrics::Label::from_static_parts(label.name, value));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}
