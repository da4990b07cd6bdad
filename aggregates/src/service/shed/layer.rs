//! How many at once.

use tower::Layer;
use tower::limit::ConcurrencyLimit;
use tower::load_shed::LoadShed;

use super::service::Shed;

/// Lets so many requests through at once, and turns one more away.
#[derive(Debug, Clone, Copy)]
pub struct ShedLayer {
    limit: usize,
}

impl ShedLayer {
    /// Makes a layer with a limit.
    pub fn new(limit: usize) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    /// Makes a service with a limit of its own, which its clones share.
    fn layer(&self, inner: S) -> Shed<S> {
        Shed { inner: LoadShed::new(ConcurrencyLimit::new(inner, self.limit)), limit: self.limit }
    }
}
