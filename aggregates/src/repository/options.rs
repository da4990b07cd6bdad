//! What a caller may ask of one execution.

use annals_eventstore::{Fingerprint, IdempotencyKey};

/// How many decisions are taken for one command before the caller hears of a conflict, unless told otherwise.
///
/// Each attempt after a lost one costs a read of what is new and another append. The pauses between them are
/// random: none before the second attempt, then up to 1, 2, 4, … 64 ms, together 191 ms at most. They spread
/// writers apart: of five that wrote to one stream without rest, 3 commands in 200 lost all ten attempts, and
/// 21 in 200 without pauses. More writers than that on one stream had better queue than race.
pub const EXECUTE_ATTEMPTS_DEFAULT: u32 = 10;

/// How one command is executed.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::ExecuteOptions;
/// let once = ExecuteOptions::keyed("transfer 7");
/// let without_retry = ExecuteOptions { attempts: 1, ..ExecuteOptions::default() };
/// # let _ = (once, without_retry);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecuteOptions {
    /// The name under which a repeated command is recognised, for ever; none by default. It costs one more row
    /// per command.
    ///
    /// It is looked up beside the load, before anything is decided: a repetition is answered with the first
    /// result also where the state by now gives a refusal, or nothing to do.
    pub key: Option<IdempotencyKey>,
    /// What a repetition under the key is compared by; by default the stream and the events decided, types and
    /// data. Give a hash of the command where a repetition may decide other events (a time or a drawn id among
    /// the data, say), or it is refused as another use of the key.
    pub fingerprint: Option<Fingerprint>,
    /// The most decisions taken, the first included; [`EXECUTE_ATTEMPTS_DEFAULT`] by default. One is always
    /// taken.
    pub attempts: u32,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self { key: None, fingerprint: None, attempts: EXECUTE_ATTEMPTS_DEFAULT }
    }
}

impl ExecuteOptions {
    /// Executes under an idempotency key.
    pub fn keyed(key: impl Into<IdempotencyKey>) -> Self {
        Self { key: Some(key.into()), ..Self::default() }
    }

    /// Sets what a repetition under the key is compared by.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }
}
