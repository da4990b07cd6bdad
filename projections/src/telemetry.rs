//! What runners tell about themselves and about the projections that they host, through the `metrics` facade.
//!
//! Guarantees
//! - labels are names and versions of projections, which stand in the program, and values known beforehand;
//! - every metric stands in a table here, and `docs/telemetry.md` lists just these.
//!
//! Leaves to others: batches and pauses (the slot loop of the event store), recorders and exporters (the program).

use annals_eventstore::postgres::Consumer;
use annals_eventstore::telemetry::{Label, Metric, MetricKind, MetricUnit, describe};
use deadpool_postgres::Status;
use metrics::{Key, Level, Metadata, with_recorder};

/// Where the metrics come from, for recorders that filter.
const ORIGIN: Metadata<'static> = Metadata::new("annals_projections", Level::INFO, None);

const CONSUMER: Label = Label { name: "consumer", values: &[] };
const VERSION: Label = Label { name: "version", values: &[] };
const OUTCOME: Label = Label { name: "outcome", values: &["done", "failed"] };
const SLOTS: Label = Label { name: "state", values: &["leased", "free", "stopped"] };
const LOOP: Label = Label { name: "loop", values: &["coordinator", "heart"] };
const POOL: Label = Label { name: "pool", values: &["batches", "leases"] };
const CONNECTIONS: Label = Label { name: "state", values: &["open", "idle", "limit"] };
const OF_PROJECTION: &[Label] = &[CONSUMER, VERSION];

macro_rules! table {
    ($($(#[doc = $says:literal])+ $constant:ident: $kind:ident = $name:literal, $unit:ident, $labels:expr;)*) => {
        $($(#[doc = $says])+
        pub(crate) const $constant: Metric = Metric::new(
            $name, MetricKind::$kind, MetricUnit::$unit, $labels, concat!($($says),+).trim_ascii(),
        );)*

        /// Returns every metric of runners, in the order of `docs/telemetry.md`.
        pub fn metrics() -> Vec<Metric> {
            vec![$($constant),*]
        }
    };
}

table! {
    /// Slots that runners of this process work on.
    LEASES_HELD: Gauge = "annals_leases_held", Count, OF_PROJECTION;
    /// Slots that were taken.
    LEASES_TAKEN: Counter = "annals_leases_taken_total", Count, OF_PROJECTION;
    /// Slots that were given back, to whoever wants them next.
    LEASES_GIVEN_BACK: Counter = "annals_leases_given_back_total", Count, OF_PROJECTION;
    /// Slots that were lost: others have them, or an operator has freed them.
    LEASES_LOST: Counter = "annals_leases_lost_total", Count, OF_PROJECTION;
    /// Times that a runner renewed all leases it held, by what came of it.
    RENEWALS: Counter = "annals_lease_renewals_total", Count, &[OUTCOME];
    /// How long ago the leases were last renewed, when that was last looked at.
    RENEWAL_AGE: Gauge = "annals_lease_renewal_age_seconds", Seconds, &[];
    /// How long ago a loop of the runner last came to the end of a turn, when that was last looked at.
    TURN_AGE: Gauge = "annals_runner_turn_age_seconds", Seconds, &[LOOP];
    /// Connections of the runner's pools, when they were last looked at.
    POOL_CONNECTIONS: Gauge = "annals_runner_pool_connections", Count, &[POOL, CONNECTIONS];

    /// Slots of a hosted projection on all machines, by how they stand, when that was last looked at.
    PROJECTION_SLOTS: Gauge = "annals_projection_slots", Count, &[CONSUMER, VERSION, SLOTS];
    /// Whether a hosted projection is paused, when that was last looked at.
    PROJECTION_PAUSED: Gauge = "annals_projection_paused", Truth, OF_PROJECTION;
    /// Events of the log that the slowest slot of a hosted projection has not passed, wanted or not, counted up to 10000.
    PROJECTION_LAG_EVENTS: Gauge = "annals_projection_lag_events", Events, OF_PROJECTION;
    /// How old the first event is that the slowest slot of a hosted projection has not passed; 0 when there is none.
    PROJECTION_LAG_SECONDS: Gauge = "annals_projection_lag_seconds", Seconds, OF_PROJECTION;
    /// Keys of a hosted projection that are blocked by an event that cannot be applied.
    PROJECTION_PARKED_KEYS: Gauge = "annals_projection_parked_keys", Count, OF_PROJECTION;
    /// Parked events of a hosted projection.
    PROJECTION_PARKED_EVENTS: Gauge = "annals_projection_parked_events", Events, OF_PROJECTION;
    /// Times that the hosted projections were looked at, by what came of it; after a failure their gauges are old.
    LOOKS: Counter = "annals_projection_looks_total", Count, &[OUTCOME];
}

/// Tells the installed recorder what each metric of runners means. Call it once, after the recorder was installed.
pub fn describe_metrics() {
    describe(metrics());
}

/// Counts one for a projection.
pub(crate) fn count_of(metric: &Metric, projection: &Consumer) {
    let key = key(metric, of(projection));
    with_recorder(|recorder| recorder.register_counter(&key, &ORIGIN).increment(1));
}

/// Counts one, by what came of it.
pub(crate) fn count_outcome(metric: &Metric, is_done: bool) {
    let key = key(metric, vec![OUTCOME.values[usize::from(!is_done)].to_owned()]);
    with_recorder(|recorder| recorder.register_counter(&key, &ORIGIN).increment(1));
}

/// Says what is so of a projection now.
pub(crate) fn set_of(metric: &Metric, projection: &Consumer, value: f64) {
    set(metric, of(projection), value);
}

/// Says how many slots of a projection stand how.
pub(crate) fn set_slots(projection: &Consumer, leased: usize, free: usize, stopped: usize) {
    for (state, slots) in SLOTS.values.iter().zip([leased, free, stopped]) {
        let mut values = of(projection);
        values.push((*state).to_owned());
        set(&PROJECTION_SLOTS, values, count(slots));
    }
}

/// Says how long ago the leases were renewed, and each loop came to the end of a turn.
pub(crate) fn set_ages(renewal: f64, turns: &[(&'static str, f64)]) {
    set(&RENEWAL_AGE, Vec::new(), renewal);
    turns.iter().for_each(|(name, age)| set(&TURN_AGE, vec![(*name).to_owned()], *age));
}

/// Says what connections a pool has.
pub(crate) fn set_pool(pool: &'static str, status: &Status) {
    for (state, connections) in
        CONNECTIONS.values.iter().zip([status.size, status.available, status.max_size])
    {
        set(&POOL_CONNECTIONS, vec![pool.to_owned(), (*state).to_owned()], count(connections));
    }
}

/// A slot that is worked on, as long as this lives.
#[derive(Debug)]
pub(crate) struct Held(Key);

impl Held {
    pub(crate) fn of(projection: &Consumer) -> Self {
        let held = Self(key(&LEASES_HELD, of(projection)));
        held.change(1.0);
        held
    }

    fn change(&self, by: f64) {
        with_recorder(|recorder| recorder.register_gauge(&self.0, &ORIGIN).increment(by));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.change(-1.0);
    }
}

/// A number for a gauge.
#[expect(clippy::cast_precision_loss, reason = "a gauge is for eyes, and f64 is exact up to 2^53")]
pub(crate) fn count(n: usize) -> f64 {
    n as f64
}

fn set(metric: &Metric, values: Vec<String>, value: f64) {
    let key = key(metric, values);
    with_recorder(|recorder| recorder.register_gauge(&key, &ORIGIN).set(value));
}

fn of(projection: &Consumer) -> Vec<String> {
    vec![projection.name.clone(), projection.version.to_string()]
}

fn key(metric: &Metric, values: Vec<String>) -> Key {
    let labels = metric.labels.iter().zip(values);
    let labels = labels.map(|(label, value)| metrics::Label::new(label.name, value));
    Key::from_parts(metric.name, labels.collect::<Vec<_>>())
}
