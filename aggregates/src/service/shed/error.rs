//! Why there was no place.

/// As many commands as may be are under way; nothing was written. Send it again after a pause, or to another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} commands are under way, nothing was written: send it again later")]
#[non_exhaustive]
pub struct ShedError {
    /// How many may be under way at once.
    pub limit: usize,
}
