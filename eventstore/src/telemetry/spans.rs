//! The table of spans. `docs/telemetry.md` holds the same rows; a test sees each of them, and no other.

/// One span of the log. Its parent is the span of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: &'static str,
    /// Its fields; some stay empty.
    pub fields: &'static [&'static str],
    /// What it stands around, in a sentence.
    pub description: &'static str,
}

/// Returns every span of the log, in the order of `docs/telemetry.md`. All are of the level `debug`.
pub fn spans() -> &'static [Span] {
    SPANS
}

const SPANS: &[Span] = &[
    Span {
        name: "append",
        fields: &["stream", "expected", "events", "transaction", "correlation_id", "outcome", "to_position"],
        description: "An append to one stream, repetitions included; the correlation id is its first event's.",
    },
    Span {
        name: "append_many",
        fields: &["streams", "events", "transaction", "correlation_id", "outcome"],
        description: "An append to several streams, repetitions included; the correlation id is its first event's.",
    },
    Span {
        name: "read_stream",
        fields: &["stream", "events", "outcome"],
        description: "One page of a stream.",
    },
    Span {
        name: "read_tail",
        fields: &["stream", "after", "events", "outcome"],
        description: "What stands in a stream behind a version.",
    },
    Span {
        name: "read_log",
        fields: &["from", "direction", "events", "settled_to", "held_back", "outcome"],
        description: "One page of the log.",
    },
    Span { name: "stream_info", fields: &["stream", "outcome"], description: "What is known of a stream." },
    Span {
        name: "list_streams",
        fields: &["streams", "outcome"],
        description: "One page of the list of streams.",
    },
    Span {
        name: "batch",
        fields: &["consumer", "partition", "events", "from", "to", "woken_by", "outcome"],
        description: "A batch in its transaction: handler, checkpoint, commit.",
    },
];
