//! Keys for commands.

use tower::Layer;

use super::service::Idempotency;

/// Puts each command under its key, and sets how many decisions are taken for it before a conflict is told.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyLayer {
    attempts: u32,
}

impl IdempotencyLayer {
    /// Makes a layer.
    pub fn new(attempts: u32) -> Self {
        Self { attempts }
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Idempotency<S>;

    fn layer(&self, inner: S) -> Idempotency<S> {
        Idempotency { inner, attempts: self.attempts }
    }
}
