//! How many at once.

use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::places::Places;
use super::service::Shed;
use crate::service::options::WhenFull;

/// Lets so many commands through at once; one more is turned away, or waits. Clones share the places.
#[derive(Debug, Clone)]
pub struct ShedLayer {
    places: Arc<Places>,
    when_full: WhenFull,
    wait_at_most: Option<Duration>,
}

impl ShedLayer {
    /// Makes a layer with so many places; one command more is turned away.
    pub fn new(limit: usize) -> Self {
        Self { places: Places::new(limit), when_full: WhenFull::Shed, wait_at_most: None }
    }

    /// Sets what happens to one more.
    #[must_use]
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }

    /// Sets how long a call waits for a place; commands' own deadlines hold as well.
    #[must_use]
    pub fn wait_at_most(self, limit: Option<Duration>) -> Self {
        Self { wait_at_most: limit, ..self }
    }

    /// Tells everybody who waits that the service is shut down, and whoever comes later.
    pub fn close(&self) {
        self.places.close();
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        let (places, when_full) = (Arc::clone(&self.places), self.when_full);
        Shed { inner, places, when_full, wait_at_most: self.wait_at_most }
    }
}
