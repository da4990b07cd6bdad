//! Where the pages of a stream come from: the log, or a transaction of the caller's.

use std::future::Future;

use annals_eventstore::{EventStore, ReadError, StreamName, StreamTail, TransactionalStore, Version};

/// What can be read page by page.
pub(crate) trait Source: Sync {
    /// Reads one page behind a version.
    fn tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send;
}

/// The log, each page for itself.
pub(crate) struct Log<'a, S>(pub(crate) &'a S);

impl<S: EventStore> Source for Log<'_, S> {
    fn tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        self.0.read_tail(stream, after, limit)
    }
}

/// The log as a transaction sees it.
pub(crate) struct InTransaction<'a, 't, S: TransactionalStore> {
    pub(crate) store: &'a S,
    pub(crate) transaction: &'a S::Transaction<'t>,
}

impl<S: TransactionalStore> Source for InTransaction<'_, '_, S> {
    fn tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        self.store.read_tail_in(self.transaction, stream, after, limit)
    }
}
