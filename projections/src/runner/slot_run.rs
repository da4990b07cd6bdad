//! The loop of a slot, whatever its handler.

use annals_eventstore::Checkpoint;
use annals_eventstore::postgres::SlotError;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

/// The loop of a slot, once it is told when to stop.
pub(super) type SlotRun =
    Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<Checkpoint, SlotError>> + Send>;
