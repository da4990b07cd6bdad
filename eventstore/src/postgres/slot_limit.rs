//! How far slots may go, where somebody else decides: a slot of a rebuild goes no further than the one that it replaces.

use std::collections::HashMap;

use tokio::sync::watch;

use crate::checkpoint::Partition;
use crate::cursor::Cursor;
use crate::position::GlobalPosition;

/// A place in the log for each slot, up to which it may go. Whoever keeps the sender moves them; a slot without a place
/// stays at the start of the log.
#[derive(Debug, Clone)]
pub struct SlotLimits(watch::Receiver<HashMap<Partition, Cursor>>);

impl SlotLimits {
    /// Follows what a sender says.
    pub fn of_sender(limits: &watch::Sender<HashMap<Partition, Cursor>>) -> Self {
        Self(limits.subscribe())
    }

    /// Returns the limit of a slot.
    pub fn of(&self, partition: Partition) -> Cursor {
        self.0.borrow().get(&partition).copied().unwrap_or(Cursor::START)
    }

    /// Waits until the limit of a slot is behind a position. For ever where nobody moves it any more.
    pub(super) async fn beyond(&mut self, partition: Partition, position: GlobalPosition) {
        let is_beyond = |limits: &HashMap<Partition, Cursor>| {
            limits.get(&partition).is_some_and(|limit| limit.position > position)
        };
        if self.0.wait_for(is_beyond).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
