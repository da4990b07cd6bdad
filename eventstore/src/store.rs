//! The port: what a log of events must be able to do.

use std::future::Future;

use crate::append::{Append, AppendError, Appended};
use crate::append_many::{AppendMany, AppendedMany, Cancellation};
use crate::claim::Claim;
use crate::decisions::{AppendDecisions, AppendedDecisions};
use crate::event::RecordedEvent;
use crate::event_id::EventId;
use crate::filter::EventFilter;
use crate::idempotency::{Fingerprint, IdempotencyKey};
use crate::position::GlobalPosition;
use crate::read::{LogPage, LogQuery, ReadError, StreamInfo, StreamListQuery, StreamQuery, StreamTail};
use crate::stream::StreamName;
use crate::version::Version;
use crate::wakeup::Wakeups;

/// An append-only log of events in streams.
///
/// Every implementation passes the conformance suite (feature `testing`). Handles are cheap to clone and
/// speak to the same log.
pub trait EventStore: Clone + Send + Sync + 'static {
    /// Stores all events of one append, or none.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; each variant says whether anything was written.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, AppendError>> + Send;

    /// Stores the events of several streams together, or none of them.
    ///
    /// A repetition is recognised by its key or, without one, by the ids of its events, where every stream that
    /// is given events is expected at `NoStream` or an exact version; what was only checked then may have
    /// changed since. An append that asks nothing of any stream does nothing.
    ///
    /// # Errors
    ///
    /// [`AppendError`], which names the stream that was refused: the first one in the byte order of the names.
    fn append_many(
        &self,
        append: AppendMany,
    ) -> impl Future<Output = Result<AppendedMany, AppendError>> + Send;

    /// Stores the events of several decisions on one stream together, or none of them.
    ///
    /// A repetition of the very same events at the same version is recognised by their ids.
    ///
    /// # Errors
    ///
    /// [`AppendError`]; [`AppendError::Claimed`] names the claim and its holder. Keys that were used before are no
    /// error but [`AppendedDecisions::UsedBefore`].
    fn append_decisions(
        &self,
        append: AppendDecisions,
    ) -> impl Future<Output = Result<AppendedDecisions, AppendError>> + Send;

    /// Tells which stream holds a claim.
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    fn claim_holder(
        &self,
        claim: &Claim,
    ) -> impl Future<Output = Result<Option<StreamName>, ReadError>> + Send;

    /// Closes a key for ever, unless an append has used it: then its receipt is returned.
    ///
    /// An append under the key that is under way is waited for. However the race ends, either the append is
    /// stored and found here, or it is refused with [`AppendError::KeyCancelled`]. Closing it again changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`AppendError::Unavailable`]: it may be closed or not; ask again.
    fn cancel_key(
        &self,
        key: IdempotencyKey,
    ) -> impl Future<Output = Result<Cancellation, AppendError>> + Send;

    /// Finds the receipt of an append to one stream that was stored under a key: how a repeated command is recognised before
    /// it is decided again.
    ///
    /// # Errors
    ///
    /// [`AppendError::KeyReused`] when it was stored with another fingerprint than the one given, or stands for
    /// several streams; [`AppendError::KeyCancelled`]; or a fault of the storage.
    fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<Appended>, AppendError>> + Send;

    /// As [`EventStore::find_append`], for an append to any number of streams.
    ///
    /// # Errors
    ///
    /// [`AppendError::KeyReused`] when it was stored with another fingerprint than the one given;
    /// [`AppendError::KeyCancelled`]; or a fault of the storage.
    fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<AppendedMany>, AppendError>> + Send;

    /// Reads one page of a stream; none past its end.
    ///
    /// # Errors
    ///
    /// [`ReadError::StreamNotFound`] and [`ReadError::StreamDeleted`], or a fault of the storage.
    fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, ReadError>> + Send;

    /// Reads one page of what stands in a stream behind a version, and tells how far the stream is: what whoever
    /// knows the stream up to that version has missed.
    ///
    /// Unless a store knows better this is two reads.
    ///
    /// # Errors
    ///
    /// As [`EventStore::read_stream`].
    fn read_tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        async move {
            let query = StreamQuery::forward().from(after.next()).limit(limit);
            let events = self.read_stream(stream, query).await?;
            // Asked for last: a stream that began again before the page was read is told by it.
            let StreamInfo { first_version, version, .. } = self.stream_info(stream).await?;
            Ok(StreamTail { events, first_version, version })
        }
    }

    /// Reads one page of the log of all streams: settled events only, in the order of their positions.
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    fn read_log(&self, query: LogQuery) -> impl Future<Output = Result<LogPage, ReadError>> + Send;

    /// Finds an event by its id; the first one in the log, should it hold several.
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    fn find_event(
        &self,
        id: EventId,
    ) -> impl Future<Output = Result<Option<RecordedEvent>, ReadError>> + Send {
        let query = LogQuery::after(GlobalPosition::START).wanting(EventFilter::all().ids([id]));
        async { Ok(self.read_log(query.limit(1)).await?.events.pop()) }
    }

    /// Reads the last settled event that passes a filter: of a category, say. That of a stream is the first one
    /// of [`EventStore::read_stream`] backward.
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    fn last_event(
        &self,
        filter: EventFilter,
    ) -> impl Future<Output = Result<Option<RecordedEvent>, ReadError>> + Send {
        let query = LogQuery::before(GlobalPosition::END).wanting(filter);
        async { Ok(self.read_log(query.limit(1)).await?.events.pop()) }
    }

    /// Tells a stream's version.
    ///
    /// # Errors
    ///
    /// [`ReadError::StreamNotFound`] and [`ReadError::StreamDeleted`], or a fault of the storage.
    fn stream_info(&self, stream: &StreamName) -> impl Future<Output = Result<StreamInfo, ReadError>> + Send;

    /// Lists one page of streams by name, in byte order; deleted ones are left out.
    ///
    /// # Errors
    ///
    /// A fault of the storage.
    fn list_streams(
        &self,
        query: StreamListQuery,
    ) -> impl Future<Output = Result<Vec<StreamInfo>, ReadError>> + Send;

    /// Returns hints that the log may have grown; see [`Wakeups`].
    fn wakeups(&self) -> Wakeups;
}

/// A log whose appends can join a transaction of the caller's own, on the database that holds the log.
///
/// What is read in the transaction includes what was appended in it. A receipt proves nothing before the
/// caller's commit; a failed call leaves the transaction aborted, up to its last savepoint.
pub trait TransactionalStore: EventStore {
    /// The transaction, as the caller's driver has it.
    type Transaction<'t>: Sync;

    /// As [`EventStore::append`], in the transaction.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    fn append_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: Append,
    ) -> impl Future<Output = Result<Appended, AppendError>> + Send;

    /// As [`EventStore::append_many`], in the transaction.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    fn append_many_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: AppendMany,
    ) -> impl Future<Output = Result<AppendedMany, AppendError>> + Send;

    /// As [`EventStore::append_decisions`], in the transaction.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    fn append_decisions_in(
        &self,
        transaction: &Self::Transaction<'_>,
        append: AppendDecisions,
    ) -> impl Future<Output = Result<AppendedDecisions, AppendError>> + Send;

    /// As [`EventStore::find_append`], in the transaction.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    fn find_append_in(
        &self,
        transaction: &Self::Transaction<'_>,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<Appended>, AppendError>> + Send;

    /// As [`EventStore::read_tail`], in the transaction.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    fn read_tail_in(
        &self,
        transaction: &Self::Transaction<'_>,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send;

    /// Wakes subscribers; to be called after the commit.
    fn wake(&self);
}
