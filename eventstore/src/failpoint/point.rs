//! One gap.

use std::sync::atomic::{AtomicU64, Ordering};

use deadpool_postgres::PoolError;

use super::armed::armed;

/// A gap that has a name.
#[derive(Debug)]
pub struct FailPoint {
    name: &'static str,
    hits: AtomicU64,
}

impl FailPoint {
    /// Names a gap.
    pub const fn new(name: &'static str) -> Self {
        Self { name, hits: AtomicU64::new(0) }
    }

    /// Returns the name, by which `ANNALS_FAILPOINTS` knows it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Does what is to be done here at this hit, if anything.
    ///
    /// # Errors
    ///
    /// The fault that was asked for.
    ///
    /// # Panics
    ///
    /// When `ANNALS_FAILPOINTS` cannot be understood, or what fires cannot be written down.
    pub async fn hit(&self) -> Result<(), PoolError> {
        let nth = self.hits.fetch_add(1, Ordering::Relaxed) + 1;
        for shot in armed().shots(self.name, nth) {
            armed().note(shot, nth);
            shot.action.run().await?;
        }
        Ok(())
    }
}
