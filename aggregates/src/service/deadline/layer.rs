//! How long a command may take.

use std::time::Duration;

use tower::Layer;

use super::service::Deadline;

/// Gives commands a deadline: their own, or so long after they were called, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer {
    limit: Option<Duration>,
}

impl DeadlineLayer {
    /// Makes a layer with a limit; without one only the commands' own deadlines hold.
    pub fn new(limit: Option<Duration>) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, limit: self.limit }
    }
}
