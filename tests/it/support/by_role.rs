//! One log, reached by each role for what that role is for.

use std::future::Future;

use annals_eventstore::postgres::{ConnectOptions, PoolOptions, StoreConfig};
use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Appended, AppendedDecisions, AppendedMany,
    Cancellation, Claim, EventStore, Fingerprint, IdempotencyKey, LogPage, LogQuery, NewSnapshot,
    PostgresStore, ReadError, RecordedEvent, SnapshotError, SnapshotKind, SnapshotStore, SnapshotTail,
    StreamInfo, StreamListQuery, StreamName, StreamQuery, StreamTail, Version, Wakeups,
};

use super::database::{TestDb, TestDbError};

/// A database whose log is reached as nobody but its roles.
pub(crate) struct DbByRole {
    store: StoreByRole,
    operator: PostgresStore,
    pub(crate) db: TestDb,
}

impl DbByRole {
    /// Makes a database and opens the log in it once as each role.
    pub(crate) async fn fresh() -> Result<Self, TestDbError> {
        let db = TestDb::fresh().await?;
        let store = StoreByRole {
            appender: opened_as(&db, "annals_appender").await?,
            reader: opened_as(&db, "annals_reader").await?,
            projector: opened_as(&db, "annals_projector").await?,
        };
        Ok(Self { store, operator: opened_as(&db, "annals_operator").await?, db })
    }

    /// Returns a handle that does each thing as the role for it.
    pub(crate) fn store(&self) -> StoreByRole {
        self.store.clone()
    }

    /// Returns the log as whoever deletes sees it.
    pub(crate) fn operator(&self) -> PostgresStore {
        self.operator.clone()
    }
}

/// Opens the log as a role: every connection of the store becomes it before it is asked anything.
pub(crate) async fn opened_as(db: &TestDb, role: &str) -> Result<PostgresStore, TestDbError> {
    let connect = db.url().parse::<ConnectOptions>()?.with_setting("role", role);
    // Enough connections for a case whose appends wait for each other.
    let pool = PoolOptions { max_size: 40, ..PoolOptions::default() };
    Ok(PostgresStore::open(StoreConfig { pool, ..StoreConfig::new(connect) }).await?)
}

/// Appends as the appender, reads streams as the reader, and follows the log as the projector.
#[derive(Debug, Clone)]
pub(crate) struct StoreByRole {
    appender: PostgresStore,
    reader: PostgresStore,
    projector: PostgresStore,
}

impl EventStore for StoreByRole {
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        self.appender.append(append)
    }

    fn append_many(
        &self,
        append: AppendMany,
    ) -> impl Future<Output = Result<AppendedMany, AppendError>> + Send {
        self.appender.append_many(append)
    }

    fn append_decisions(
        &self,
        append: AppendDecisions,
    ) -> impl Future<Output = Result<AppendedDecisions, AppendError>> + Send {
        self.appender.append_decisions(append)
    }

    fn claim_holder(
        &self,
        claim: &Claim,
    ) -> impl Future<Output = Result<Option<StreamName>, ReadError>> + Send {
        self.reader.claim_holder(claim)
    }

    fn cancel_key(
        &self,
        key: IdempotencyKey,
    ) -> impl Future<Output = Result<Cancellation, AppendError>> + Send {
        self.appender.cancel_key(key)
    }

    fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<Appended>, AppendError>> + Send {
        self.appender.find_append(key, fingerprint)
    }

    fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> impl Future<Output = Result<Option<AppendedMany>, AppendError>> + Send {
        self.appender.find_append_many(key, fingerprint)
    }

    fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, ReadError>> + Send {
        self.reader.read_stream(stream, query)
    }

    fn read_tail(
        &self,
        stream: &StreamName,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamTail, ReadError>> + Send {
        self.reader.read_tail(stream, after, limit)
    }

    fn read_log(&self, query: LogQuery) -> impl Future<Output = Result<LogPage, ReadError>> + Send {
        self.projector.read_log(query)
    }

    fn stream_info(&self, stream: &StreamName) -> impl Future<Output = Result<StreamInfo, ReadError>> + Send {
        self.reader.stream_info(stream)
    }

    fn list_streams(
        &self,
        query: StreamListQuery,
    ) -> impl Future<Output = Result<Vec<StreamInfo>, ReadError>> + Send {
        self.reader.list_streams(query)
    }

    fn wakeups(&self) -> Wakeups {
        self.projector.wakeups()
    }
}

impl SnapshotStore for StoreByRole {
    fn read_from_snapshot(
        &self,
        stream: &StreamName,
        kind: &SnapshotKind,
        up_to: Version,
        limit: usize,
    ) -> impl Future<Output = Result<SnapshotTail, ReadError>> + Send {
        self.reader.read_from_snapshot(stream, kind, up_to, limit)
    }

    fn write_snapshot(
        &self,
        snapshot: NewSnapshot,
        keep: u32,
    ) -> impl Future<Output = Result<bool, SnapshotError>> + Send {
        self.appender.write_snapshot(snapshot, keep)
    }

    fn prune_snapshots(
        &self,
        kind: &SnapshotKind,
    ) -> impl Future<Output = Result<u64, SnapshotError>> + Send {
        self.appender.prune_snapshots(kind)
    }
}
