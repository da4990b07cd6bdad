//! The socket a runner hosts consumers through.

use std::future::Future;
use std::pin::Pin;

use tokio_postgres::Transaction;

use crate::checkpoint::{LeaseEpoch, Partition};
use crate::event::RecordedEvent;
use crate::wakeup::WokenBy;

/// The cause a handler gives for a failed batch.
pub type HandlerError = Box<dyn std::error::Error + Send + Sync>;

/// The future of [`EventHandler::handle`].
pub type HandlerFuture<'a, T = ()> = Pin<Box<dyn Future<Output = Result<T, HandlerError>> + Send + 'a>>;

/// Events on their way into a read model, and the transaction that takes them there.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The events, in log order. Never empty.
    pub events: &'a [RecordedEvent],
    /// The transaction that also moves the checkpoint: what is written through it is applied exactly once.
    /// The runner commits it; a handler that fails leaves no trace in it.
    pub transaction: &'a Transaction<'a>,
    /// The slot the events were dealt to.
    pub partition: Partition,
    /// The owner's right to that slot.
    pub epoch: LeaseEpoch,
    /// What woke the reader.
    pub woken_by: WokenBy,
    /// Tells that a read model is being built anew beside the live one, which has seen these events: whatever reaches
    /// beyond the transaction – a mail, a call, a command – was done then, and is not to be done again.
    pub is_rebuild: bool,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("events", &self.events.len())
            .field("partition", &self.partition)
            .field("epoch", &self.epoch)
            .field("woken_by", &self.woken_by)
            .finish_non_exhaustive()
    }
}

/// A moment between two batches, for what the owner of a slot is asked to do beside them.
#[derive(Clone, Copy)]
pub struct Errand<'a> {
    /// A transaction that commits only while the slot is still its owner's.
    pub transaction: &'a Transaction<'a>,
    /// The slot.
    pub partition: Partition,
    /// The owner's right to that slot.
    pub epoch: LeaseEpoch,
}

impl std::fmt::Debug for Errand<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut errand = f.debug_struct("Errand");
        errand.field("partition", &self.partition).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// Something that takes batches of events, each in the transaction of its checkpoint.
pub trait EventHandler: Send {
    /// Applies one batch through its transaction.
    ///
    /// # Errors
    ///
    /// Any error rolls the batch back, checkpoint included; the same events come again.
    fn handle<'a>(&'a mut self, batch: Batch<'a>) -> HandlerFuture<'a>;

    /// Does what it is asked for between two batches, and tells whether there may be more to do. Nothing by default.
    ///
    /// # Errors
    ///
    /// Any error rolls the errand back.
    fn run_errand<'a>(&'a mut self, errand: Errand<'a>) -> HandlerFuture<'a, bool> {
        let _ = errand;
        Box::pin(async { Ok(false) })
    }
}
