//! The table of metrics. `docs/telemetry.md` holds the same rows; a test compares them.

use super::instrument::{Counter, Gauge, Histogram};
use super::label::{
    Ambiguity, AppendOutcome, AppendScope, Breaker, Checkout, ConnectOutcome, FallBack, Holder, Look, Loss,
    Mode, OfBatch, OfConsumer, Pause, PoolState, Read, ReadOutcome, SendOutcome, State, Woken,
};
use super::metric::{Metric, MetricUnit};

macro_rules! table {
    ($($(#[doc = $says:literal])+ $constant:ident: $kind:ident<$labels:ty> = $name:literal, $unit:ident;)*) => {
        $($(#[doc = $says])+
        pub(crate) static $constant: $kind<$labels> =
            $kind::<$labels>::new($name, MetricUnit::$unit, concat!($($says),+).trim_ascii());)*

        /// Returns every metric of the log, in the order of `docs/telemetry.md`.
        pub fn metrics() -> Vec<Metric> {
            vec![$($constant.metric()),*]
        }
    };
}

table! {
    /// Appends that ended, by what came of them; in a caller's transaction nothing is proven before its commit.
    APPENDS: Counter<(AppendOutcome, AppendScope)> = "annals_appends_total", Count;
    /// How long appends took, pool, repetitions and commit included.
    APPEND_DURATION: Histogram<AppendScope> = "annals_append_duration_seconds", Seconds;
    /// How many events an append brought.
    APPEND_EVENTS: Histogram<AppendScope> = "annals_append_events", Events;
    /// Appends that were sent again after their answer was lost.
    APPEND_RETRIES: Counter<()> = "annals_append_retries_total", Count;
    /// Lost answers to appends that can be repeated, by whether asking again found the outcome out.
    APPEND_AMBIGUITIES: Counter<Ambiguity> = "annals_append_ambiguities_total", Count;

    /// Pages, infos and lists that were read, by what came of it.
    READS: Counter<(Read, ReadOutcome)> = "annals_reads_total", Count;
    /// Events that were read.
    READ_EVENTS: Counter<Read> = "annals_read_events_total", Events;
    /// How long reads took, pool included.
    READ_DURATION: Histogram<Read> = "annals_read_duration_seconds", Seconds;

    /// Looks at the fence, by whether an open append may have held events back.
    FENCE_LOOKS: Counter<Look> = "annals_fence_looks_total", Count;
    /// Open appends while they hold readers back for long, by what their transaction does.
    FENCE_HOLDERS: Gauge<Holder> = "annals_fence_holders", Count;
    /// For how long the oldest of them has held, since this process first listed it; 0 when there is none.
    FENCE_OLDEST_HOLD: Gauge<()> = "annals_fence_oldest_hold_seconds", Seconds;
    /// The server's process that can end the oldest of them; 0 when there is none, or it is prepared.
    FENCE_HOLDER_PID: Gauge<()> = "annals_fence_oldest_holder_pid", ProcessId;
    /// Publications of the settled head, for readers on standbys, by what came of them.
    HEAD_PUBLICATIONS: Counter<SendOutcome> = "annals_head_publications_total", Count;

    /// The highest settled position that the tailer has seen.
    TAILER_HEAD: Gauge<()> = "annals_tailer_head_position", Positions;
    /// Up to where the tailer has dealt the log out.
    TAILER_POSITION: Gauge<()> = "annals_tailer_position", Positions;
    /// How far the tailer is behind the settled head, in positions, which are no number of events.
    TAILER_LAG: Gauge<()> = "annals_tailer_lag_positions", Positions;
    /// Pages that the tailer dealt out, by what made it read.
    TAILER_PAGES: Counter<Woken> = "annals_tailer_pages_total", Count;
    /// Subscriptions of tailers, by where they stand; none is counted as stopped.
    SUBSCRIPTIONS: Gauge<State> = "annals_subscriptions", Count;
    /// Subscriptions that came into a state.
    SUBSCRIPTION_STATES: Counter<State> = "annals_subscription_state_changes_total", Count;
    /// Live subscriptions that were sent back to their own cursor, by the reason.
    SUBSCRIPTION_FALL_BACKS: Counter<FallBack> = "annals_subscription_fall_backs_total", Count;
    /// How many events wait in the queue of a live subscription when it is dealt a page.
    SUBSCRIPTION_QUEUE: Histogram<()> = "annals_subscription_queue_events", Events;

    /// Wake-ups that appends asked for.
    WAKEUPS_ASKED: Counter<()> = "annals_wakeups_asked_total", Count;
    /// Wake-ups that were asked for while another one waited, and went with it.
    WAKEUPS_COALESCED: Counter<()> = "annals_wakeups_coalesced_total", Count;
    /// Wake-ups sent to the server, by what came of it.
    WAKEUPS_SENT: Counter<SendOutcome> = "annals_wakeups_sent_total", Count;
    /// Wake-ups that arrived.
    WAKEUPS_RECEIVED: Counter<()> = "annals_wakeups_received_total", Count;
    /// Attempts of the listener to connect; each one after the first is a reconnect.
    LISTENER_CONNECTS: Counter<ConnectOutcome> = "annals_listener_connects_total", Count;
    /// Connections of the listener that were given up, by the reason.
    LISTENER_LOSSES: Counter<Loss> = "annals_listener_losses_total", Count;
    /// Whether the listener has a connection.
    LISTENER_CONNECTED: Gauge<()> = "annals_listener_connected", Truth;
    /// How readers learn that the log has grown: by LISTEN, or by polling alone.
    WAKEUP_MODE: Gauge<Mode> = "annals_wakeup_mode", Truth;

    /// Connections of the store's pool, when one was last asked for.
    POOL_CONNECTIONS: Gauge<PoolState> = "annals_pool_connections", Count;
    /// Who waits for a connection of the pool, when one was last asked for.
    POOL_WAITING: Gauge<()> = "annals_pool_waiting", Count;
    /// Connections asked of the pool, by what came of it.
    POOL_CHECKOUTS: Counter<Checkout> = "annals_pool_checkouts_total", Count;
    /// How long a connection of the pool was waited for.
    POOL_WAIT: Histogram<()> = "annals_pool_wait_seconds", Seconds;

    /// Batches that a slot took, by consumer and by what came of them.
    SLOT_BATCHES: Counter<OfBatch> = "annals_slot_batches_total", Count;
    /// Events that were applied, by consumer; those that it does not want are not counted.
    SLOT_EVENTS: Counter<OfConsumer> = "annals_slot_events_total", Events;
    /// How many events a batch applied, by consumer.
    SLOT_BATCH_EVENTS: Histogram<OfConsumer> = "annals_slot_batch_events", Events;
    /// How long a batch took from its transaction's begin to its commit's answer.
    SLOT_DURATION: Histogram<OfConsumer> = "annals_slot_batch_duration_seconds", Seconds;
    /// How long the commit of a batch took.
    SLOT_COMMIT: Histogram<OfConsumer> = "annals_slot_commit_duration_seconds", Seconds;
    /// The position of a consumer's checkpoint.
    CHECKPOINT_POSITION: Gauge<OfConsumer> = "annals_checkpoint_position", Positions;
    /// How far a checkpoint is behind the settled head, in positions, which are no number of events.
    CHECKPOINT_LAG: Gauge<OfConsumer> = "annals_checkpoint_lag_positions", Positions;

    /// How often the circuit breaker of slots came into a state.
    SLOT_BREAKER_CHANGES: Counter<Breaker> = "annals_slot_breaker_changes_total", Count;
    /// Circuit breakers of slots that let none of them ask its database, or one at a time.
    SLOT_BREAKERS_OPEN: Gauge<()> = "annals_slot_breaker_open", Count;

    /// Pauses before something is tried again, by who pauses.
    PAUSES: Counter<Pause> = "annals_pauses_total", Count;
}
