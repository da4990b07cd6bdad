//! How many at once.

use std::sync::Arc;

use tower::Layer;

use super::places::Places;
use super::service::Shed;
use crate::service::options::WhenFull;

/// Lets so many commands through at once; one more is turned away, or waits. Clones share the places.
#[derive(Debug, Clone)]
pub struct ShedLayer {
    places: Arc<Places>,
    when_full: WhenFull,
}

impl ShedLayer {
    /// Makes a layer with so many places; one command more is turned away.
    pub fn new(limit: usize) -> Self {
        Self { places: Places::new(limit), when_full: WhenFull::Shed }
    }

    /// Sets what happens to one more.
    #[must_use]
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed { inner, places: Arc::clone(&self.places), when_full: self.when_full }
    }
}
