//! Snapshots: states kept beside the log, so that a load reads only the events behind them.
//!
//! A snapshot is never the truth: whoever reads one can do without it.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::append::StorageError;
use crate::payload::Payload;
use crate::read::StreamTail;
use crate::stream::StreamName;
use crate::version::Version;

/// What a snapshot is of, and in which shape: states of another kind or another shape are passed over.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::SnapshotKind;
/// assert_ne!(SnapshotKind::new("account", "v1"), SnapshotKind::new("account", "v2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotKind {
    /// Whose state it is, such as `account`.
    pub name: String,
    /// How the state is written down, such as `v2`, or a hash of its definition.
    pub shape: String,
}

impl SnapshotKind {
    /// Names a kind and a shape.
    pub fn new(name: impl Into<String>, shape: impl Into<String>) -> Self {
        Self { name: name.into(), shape: shape.into() }
    }
}

impl fmt::Display for SnapshotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in shape {}", self.name, self.shape)
    }
}

/// A state to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSnapshot {
    /// The stream it is the state of.
    pub stream: StreamName,
    /// What it is, and in which shape.
    pub kind: SnapshotKind,
    /// The version of the last event in it.
    pub version: Version,
    /// The state, as JSON.
    pub state: Payload,
}

/// A state that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The version of the last event in it.
    pub version: Version,
    /// The state, as JSON.
    pub state: Payload,
    /// What [`snapshot_hash`] said of the state when it was written.
    pub hash: Vec<u8>,
    /// When it was written, by the clock of the store.
    pub taken_at: DateTime<Utc>,
}

impl StoredSnapshot {
    /// Tells whether the state is, to the byte, the one that was written.
    pub fn is_intact(&self) -> bool {
        self.hash == snapshot_hash(self.version, &self.state)
    }
}

/// Returns the hash that is kept beside a state: SHA-256 of its version, eight bytes from the highest, and its
/// text.
pub fn snapshot_hash(version: Version, state: &Payload) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(version.get().to_be_bytes());
    hash.update(state.as_str());
    hash.finalize().to_vec()
}

/// A stream from its last snapshot on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTail {
    /// The snapshot, if there is one that counts.
    pub snapshot: Option<StoredSnapshot>,
    /// What stands behind it; the stream from its beginning where there is none.
    pub tail: StreamTail,
}

/// Why snapshots were not written or pruned. The log is as it was, and no worse off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The storage could not be reached. It may be done or not; it does not matter.
    #[error("snapshot store is not available")]
    Unavailable(#[source] StorageError),
    /// The codec of the store could not seal the state.
    #[error("snapshot cannot be sealed")]
    Sealing(#[source] StorageError),
    /// The database failed in another way.
    #[error("snapshot could not be written")]
    Storage(#[source] StorageError),
}
