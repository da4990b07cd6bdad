//! The log of Annals: an append-only event store with optimistic version checks.
//!
//! Events stand in streams; every stream counts its events from version 1; all streams together form one
//! log whose positions readers follow. Nothing is skipped, nothing comes twice.
//!
//! - Write with [`EventStore::append`], read with [`EventStore::read_stream`] and [`EventStore::read_log`].
//! - [`PostgresStore`] keeps the log in PostgreSQL 15 or later, [`MemoryStore`] in memory for tests.
//! - [`Tailer`] reads the log once for every subscription of a process, [`Subscription`] for itself;
//!   [`EventHandler`] is what a projection runner hosts.
//! - [`Event`] carries a domain's own enum into the log and back.
#![cfg_attr(not(test), warn(unused_crate_dependencies))]

mod append;
mod append_many;
mod checkpoint;
mod claim;
mod claim_registry;
mod claim_release;
mod codec;
mod connection_fault;
mod consumer;
mod content_hash;
mod cursor;
mod decisions;
mod decoded;
mod deletion;
#[doc(hidden)]
pub mod derived;
mod event;
mod event_id;
mod event_schema;
#[doc(hidden)]
pub mod failpoint;
mod filter;
mod handler;
mod idempotency;
mod lease;
mod memory;
mod metadata;
mod payload;
mod payload_codec;
mod position;
pub mod postgres;
mod read;
mod retention;
mod sealing;
mod snapshot;
mod snapshot_store;
mod store;
mod stream;
mod subscription;
mod tailer;
pub mod telemetry;
mod version;
mod wakeup;

#[cfg(feature = "testing")]
pub mod conformance;

pub use append::{Append, AppendError, Appended, StorageError};
pub use append_many::{AppendMany, AppendedMany, Cancellation, StreamAppend, StreamAppended, StreamClaim};
pub use checkpoint::{Checkpoint, LeaseEpoch, Lineage, Partition};
pub use claim::{CLAIM_SPACE_BYTES_MAX, CLAIM_VALUE_BYTES_MAX, Claim, ClaimChange, InvalidClaim};
pub use claim_registry::ClaimRegistry;
pub use claim_release::{ClaimRelease, ClaimReleaseError, HeldClaim};
pub use codec::{DecodeError, EncodeError, Event};
pub use consumer::{CheckpointKeeper, CheckpointPolicy, CheckpointedConsumer, ConsumeError};
pub use cursor::Cursor;
pub use decisions::{AppendDecisions, AppendedDecisions, Decision, KeyUsed};
pub use decoded::Decoded;
pub use deletion::{
    Deleted, Deletion, DeletionError, SCRUB_BATCH_EVENTS_DEFAULT, Scrub, ScrubError, Scrubbed,
};
pub use event::{
    EVENT_TYPE_BYTES_MAX, EventType, InvalidEvent, InvalidEventType, InvalidSchemaVersion, NewEvent,
    RecordedEvent, SchemaVersion,
};
pub use event_id::EventId;
pub use event_schema::{Described, EventSchema, EventShape, FieldShape, SchemaChange, SchemaFileError};
pub use filter::EventFilter;
pub use handler::{Batch, Errand, EventHandler, HandlerError, HandlerFuture};
pub use idempotency::{Fingerprint, IdempotencyKey};
pub use lease::{Fence, Lease, RunnerId};
pub use memory::MemoryStore;
pub use metadata::{CausationId, CorrelationId, Metadata};
pub use payload::{InvalidPayload, PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX, Payload};
pub use payload_codec::{PayloadCodec, PayloadCoding, PayloadOf};
pub use position::{GlobalPosition, InvalidPosition};
pub use postgres::PostgresStore;
pub use read::{
    Direction, HeldBack, LogPage, LogQuery, PAGE_EVENTS_DEFAULT, ReadError, StreamInfo, StreamListQuery,
    StreamQuery, StreamTail,
};
pub use retention::StreamRetention;
pub use snapshot::{NewSnapshot, SnapshotError, SnapshotKind, SnapshotTail, StoredSnapshot, snapshot_hash};
pub use snapshot_store::SnapshotStore;
pub use store::{EventStore, TransactionalStore};
pub use stream::{Category, InvalidStreamName, STREAM_NAME_BYTES_MAX, StreamName, StreamNameFault};
pub use subscription::{Subscription, SubscriptionPage};
pub use tailer::{
    EventPage, StartAt, StopReason, SubscriptionHandle, SubscriptionState, TailedSubscription, Tailer,
    TailerOptions,
};
pub use version::{ExpectedVersion, NegativeVersion, Version};
pub use wakeup::{WakeupSource, Wakeups, WokenBy};
