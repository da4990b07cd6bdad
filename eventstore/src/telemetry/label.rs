//! The labels, and all values they may have.

use std::sync::Arc;

use super::metric::Label;

/// The labels of one series.
pub(crate) trait Labels {
    /// Which there are.
    const LABELS: &'static [Label];

    /// Which of all combinations this is, the last label running fastest; none where values are not known beforehand.
    fn index(&self) -> Option<usize>;

    /// The values, where there is no index.
    fn values(&self) -> Vec<metrics::Label> {
        Vec::new()
    }
}

/// One label whose values are known beforehand.
pub(crate) trait Closed: Copy {
    const LABEL: Label;

    fn place(self) -> usize;
}

impl Labels for () {
    const LABELS: &'static [Label] = &[];

    fn index(&self) -> Option<usize> {
        Some(0)
    }
}

impl<A: Closed, B: Closed> Labels for (A, B) {
    const LABELS: &'static [Label] = &[A::LABEL, B::LABEL];

    fn index(&self) -> Option<usize> {
        Some(self.0.place() * B::LABEL.values.len() + self.1.place())
    }
}

macro_rules! label {
    ($(#[$doc:meta])+ $name:ident $label:literal { $($value:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($value),+ }

        impl $name {
            /// The value as it is told.
            #[allow(dead_code, reason = "some are only told by their place")]
            pub(crate) fn as_str(self) -> &'static str {
                Self::LABEL.values[self as usize]
            }
        }

        impl Closed for $name {
            const LABEL: Label = Label { name: $label, values: &[$($text),+] };

            fn place(self) -> usize {
                self as usize
            }
        }

        impl Labels for $name {
            const LABELS: &'static [Label] = &[Self::LABEL];

            fn index(&self) -> Option<usize> {
                Some(*self as usize)
            }
        }
    };
}

label! {
    /// What came of an append.
    AppendOutcome "outcome" {
        Appended = "appended", AlreadyApplied = "already_applied", WrongVersion = "wrong_version",
        StreamNotFound = "stream_not_found", Tombstoned = "tombstoned", KeyReused = "key_reused",
        KeyCancelled = "key_cancelled", Claimed = "claimed", DuplicateEventId = "duplicate_event_id", Malformed = "malformed",
        Serialization = "serialization", NeedsRepair = "needs_repair",
        NeedsPoolerMode = "needs_pooler_mode", Unavailable = "unavailable",
        Unknown = "unknown", Failed = "failed", Abandoned = "abandoned",
    }
}

label! {
    /// Whose transaction an append was in.
    AppendScope "transaction" { Own = "own", Caller = "caller" }
}

label! {
    /// Whether a lost answer was found out.
    Ambiguity "resolved" { Resolved = "yes", Unresolved = "no" }
}

label! {
    /// What was read.
    Read "read" {
        Stream = "stream", Tail = "tail", Log = "log", LogBackward = "log_backward", StreamInfo = "stream_info",
        StreamList = "stream_list",
    }
}

label! {
    /// What came of a read.
    ReadOutcome "outcome" {
        Read = "read", NotFound = "not_found", Unavailable = "unavailable", Failed = "failed",
    }
}

label! {
    /// What a look at the fence found.
    Look "found" { Settled = "settled", HeldBack = "held_back" }
}

label! {
    /// What holds the fence: a session that runs a statement, one that does nothing, a prepared transaction, or a
    /// session of which this role may see no more.
    Holder "holder" {
        Running = "running", Idle = "idle_in_transaction", Prepared = "prepared", Unknown = "unknown",
    }
}

label! {
    /// What made the tailer read.
    Woken "woken_by" { Reading = "reading", Notification = "notification", Poll = "poll", LookAgain = "look_again" }
}

label! {
    /// Where a subscription stands.
    State "state" { Starting = "starting", CatchingUp = "catching_up", Live = "live", Stopped = "stopped" }
}

label! {
    /// Why a subscription went back to its own cursor.
    FallBack "reason" { QueueFull = "queue_full", ReaderEnded = "reader_ended" }
}

label! {
    /// What came of sending a wake-up, or of connecting for it.
    SendOutcome "outcome" { Sent = "sent", Failed = "failed" }
}

label! {
    /// What came of an attempt to connect.
    ConnectOutcome "outcome" { Connected = "connected", Failed = "failed" }
}

label! {
    /// Why a connection that listened was given up.
    Loss "reason" { Lost = "lost", Silent = "silent", Deaf = "deaf" }
}

label! {
    /// How readers learn that the log has grown.
    Mode "mode" { Listen = "listen", Poll = "poll" }
}

label! {
    /// What came of asking for a connection.
    Checkout "outcome" { Given = "given", Timeout = "timeout", Failed = "failed" }
}

label! {
    /// Connections of the pool.
    PoolState "state" { Open = "open", Idle = "idle", Limit = "limit" }
}

label! {
    /// What came of a batch.
    BatchOutcome "outcome" {
        Applied = "applied", HandlerFailed = "handler_failed", TakenOver = "taken_over", Failed = "failed",
    }
}

label! {
    /// Who pauses before it tries again.
    Pause "who" {
        Append = "append", Tailer = "tailer", Subscription = "subscription", Slot = "slot", Listener = "listener",
        WakeSender = "wake_sender", HeadPublisher = "head_publisher",
    }
}

label! {
    /// Where the breaker of slots stands.
    Breaker "state" { Closed = "closed", Open = "open", HalfOpen = "half_open" }
}

const CONSUMER: Label = Label { name: "consumer", values: &[] };

/// A consumer, by its name: as many as the application has.
#[derive(Debug, Clone)]
pub(crate) struct OfConsumer(pub(crate) Arc<str>);

impl Labels for OfConsumer {
    const LABELS: &'static [Label] = &[CONSUMER];

    fn index(&self) -> Option<usize> {
        None
    }

    fn values(&self) -> Vec<metrics::Label> {
        vec![metrics::Label::new(CONSUMER.name, self.0.clone())]
    }
}

/// What came of a batch of a consumer.
#[derive(Debug, Clone)]
pub(crate) struct OfBatch(pub(crate) OfConsumer, pub(crate) BatchOutcome);

impl Labels for OfBatch {
    const LABELS: &'static [Label] = &[CONSUMER, BatchOutcome::LABEL];

    fn index(&self) -> Option<usize> {
        None
    }

    fn values(&self) -> Vec<metrics::Label> {
        let mut values = self.0.values();
        values.push(metrics::Label::from_static_parts(BatchOutcome::LABEL.name, self.1.as_str()));
        values
    }
}
