//! How a PostgreSQL store is set up.

use std::time::Duration;

use super::connect::{ConnectOptions, PoolOptions};
use super::schema::SchemaName;
use crate::payload_codec::PayloadCoding;

/// How to reach a log and how to treat it. Fill in what differs from the default.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::postgres::{ConnectOptions, StoreConfig};
/// let options: ConnectOptions = "postgres://ann@localhost/shop".parse()?;
/// let config = StoreConfig { poll_interval: std::time::Duration::from_secs(5), ..StoreConfig::new(options) };
/// # Ok::<(), annals_eventstore::postgres::InvalidConnectOptions>(())
/// ```
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Where the log is.
    pub connect: ConnectOptions,
    /// Where to LISTEN, when a pooler in transaction mode stands before the other; `connect` by default.
    pub listen: Option<ConnectOptions>,
    /// The log's schema; `annals` by default.
    pub schema: SchemaName,
    /// How many connections to use; 16 at most by default. Two more serve wake-ups.
    pub pool: PoolOptions,
    /// How long a reader waits for a wake-up before it looks by itself; 1 s by default. Every reader costs
    /// the server one look per interval while nothing happens.
    pub poll_interval: Duration,
    /// Whether to send and to receive wake-ups; true by default. Without them readers poll.
    pub notify: bool,
    /// How long the listening connection may be silent before it has to prove that it still stands; 10 s by
    /// default. Then it costs the server one NOTIFY.
    pub heartbeat: Duration,
    /// How long after a wake-up the next one waits, so that many appends share one; 2 ms by default. While the
    /// server is slow to take them it is longer, ten times as long at most.
    pub notify_window: Duration,
    /// How often to publish the settled head for readers on standbys, while the log grows: 100 ms by default, `None` for
    /// never. It costs the server a look and, where nobody was faster, one row that is updated in place; a standby
    /// shows events that much later.
    pub publish_head: Option<Duration>,
    /// How long an open append may hold this process's readers back before a warning names it, once; 5 s by default.
    /// While readers are held back at one place, the server is asked five times within it who does so, once a second
    /// at most.
    pub held_back_warning: Duration,
    /// How long a transaction may do nothing before the server ends it together with its session; 60 s by default,
    /// `None` for what the server's own settings say. An append that is open and forgotten would hold readers back
    /// for ever.
    ///
    /// It counts for every connection of the store's pool, batches of projections included: a handler that waits for
    /// something else that long loses its batch, which is tried again. Behind a pooler, where sessions have to stay
    /// as they are, it counts for the transactions that the store appends in. Connections that a caller brings along
    /// have the limit that the caller gave them (`idle_in_transaction_session_timeout`).
    pub idle_in_transaction_timeout: Option<Duration>,
    /// How long the server may take to answer before its connection is given up as lost; 60 s by default, `None` for
    /// ever. A server whose machine or network is gone is noticed sooner, by `tcp_user_timeout`; this is for one that
    /// takes what it is told and does not answer: it is stopped, or something between us and it is.
    ///
    /// It counts for appends, claims, snapshots and reads of the store, and for claiming and loading checkpoints. Reads of
    /// the log that pass a filter and batches of a scrub, which may look through much of the log, have no such limit, nor
    /// has a caller's own transaction. An append that was sent is then [`AppendError::OutcomeUnknown`], or resolved as
    /// after any other lost connection: what it waits for (a stream that another transaction has locked) should not take
    /// that long.
    ///
    /// [`AppendError::OutcomeUnknown`]: crate::AppendError::OutcomeUnknown
    pub answer_timeout: Option<Duration>,
    /// What payloads pass through on their way into the log and back, such as encryption; nothing by default.
    pub codec: PayloadCoding,
}

impl StoreConfig {
    /// The defaults, for the log behind `connect`.
    pub fn new(connect: ConnectOptions) -> Self {
        Self {
            connect,
            listen: None,
            schema: SchemaName::default(),
            pool: PoolOptions::default(),
            poll_interval: Duration::from_secs(1),
            notify: true,
            heartbeat: Duration::from_secs(10),
            notify_window: Duration::from_millis(2),
            publish_head: Some(Duration::from_millis(100)),
            held_back_warning: Duration::from_secs(5),
            idle_in_transaction_timeout: Some(Duration::from_secs(60)),
            answer_timeout: Some(Duration::from_secs(60)),
            codec: PayloadCoding::none(),
        }
    }

    /// Checks the values against each other; reports every fault at once.
    ///
    /// # Errors
    ///
    /// [`InvalidStoreConfig`] lists them.
    pub fn validate(&self) -> Result<(), InvalidStoreConfig> {
        let faults: Vec<&'static str> = [
            (self.pool.max_size == 0, "pool.max_size is 0: nothing could be asked"),
            (self.poll_interval.is_zero(), "poll_interval is 0: readers would never rest"),
            (
                self.publish_head.is_some_and(|interval| interval.is_zero()),
                "publish_head is 0: publishing would never rest; say None for never",
            ),
            (self.heartbeat.is_zero(), "heartbeat is 0: the listener would never rest"),
            (
                self.idle_in_transaction_timeout.is_some_and(|limit| limit.as_millis() == 0),
                "idle_in_transaction_timeout is below a millisecond: say None for no limit",
            ),
            (
                self.answer_timeout.is_some_and(|limit| limit.as_millis() == 0),
                "answer_timeout is below a millisecond: say None for no limit",
            ),
        ]
        .into_iter()
        .filter_map(|(holds, fault)| holds.then_some(fault))
        .collect();
        if faults.is_empty() { Ok(()) } else { Err(InvalidStoreConfig { faults }) }
    }
}

/// Values of a [`StoreConfig`] that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store configuration is refused: {}", .faults.join("; "))]
pub struct InvalidStoreConfig {
    /// What is wrong, one sentence each.
    pub faults: Vec<&'static str>,
}
