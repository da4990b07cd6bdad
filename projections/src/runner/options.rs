//! How a runner is set up.

use std::time::Duration;

/// How a runner works. Fill in what differs from the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerOptions {
    /// Its name, for whoever looks at the list of runners; the host's name (`HOSTNAME`), or `runner`, by default. Two
    /// runners may have the same.
    pub name: String,
    /// Where it can be asked, such as `http://10.0.0.7:9100`; nowhere by default.
    pub address: Option<String>,
    /// The version of its program; empty by default.
    pub build: String,
    /// How long a lease lasts; 10 s by default. It is renewed three times within it, and a runner that died is replaced
    /// when it is over: a longer one costs less and is later taken over. A runner that cannot renew for so long, because
    /// it or the database stands still, loses its slots; nothing goes wrong then.
    pub lease: Duration,
    /// The most batches that are applied at once, each of which holds a connection; 8 by default. The runner has three
    /// more: two for leases, one that listens; and another while it does a step of a rebuild. The log is read through the
    /// store's own pool.
    pub batches: usize,
    /// How long a batch may take to end when the runner is told to stop; 30 s by default. Then it is rolled back.
    pub grace: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            name: std::env::var("HOSTNAME").unwrap_or_else(|_| "runner".to_owned()),
            address: None,
            build: String::new(),
            lease: Duration::from_secs(10),
            batches: 8,
            grace: Duration::from_secs(30),
        }
    }
}

impl RunnerOptions {
    /// How long after one renewal the next one follows.
    pub(super) fn heartbeat(&self) -> Duration {
        self.lease / 3
    }
}
