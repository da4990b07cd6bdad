//! Readers of a sound log that decide wrongly how far it has settled.

use annals_eventstore::conformance::{CaseResult, SqlHarness, StoreHarness};
use annals_eventstore::{
    Append, AppendDecisions, AppendError, AppendMany, Appended, AppendedDecisions, AppendedMany,
    Cancellation, Claim, Direction, EventStore, Fingerprint, GlobalPosition, IdempotencyKey, LogPage,
    LogQuery, PostgresStore, ReadError, RecordedEvent, StreamInfo, StreamListQuery, StreamName, StreamQuery,
    Version, Wakeups,
};
use tokio_postgres::Client;

use super::TestDb;

/// A rule for how far the log has settled: a query for a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule(&'static str);

impl Rule {
    /// Everything that can be seen has settled.
    pub(crate) const LAST_SEEN: Self = Self("select coalesce(max(position), 0) from annals.events");
    /// Only what every running transaction was begun after.
    pub(crate) const OLDEST_TRANSACTION: Self = Self(
        "select coalesce(max(position), 0) from annals.events
         where xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
    );
    /// Nothing while anybody's transaction is open, though it only reads.
    pub(crate) const NOBODY_ELSE: Self = Self(
        "select case when exists (
             select from pg_stat_activity
             where datname = current_database() and state like 'idle in transaction%')
         then 0 else (select coalesce(max(position), 0) from annals.events) end",
    );
    /// Only what has no hole before it.
    pub(crate) const FIRST_HOLE: Self = Self(
        "select coalesce(max(position), 0)
         from (select position, row_number() over (order by position) as n from annals.events) as e
         where position = n",
    );
}

const PAGE: &str = "
    select s.stream_name, e.version from annals.events as e join annals.streams as s using (stream_id)
    where e.position > $1 and e.position <= $2 order by e.position limit $3";

/// A sound log, read forward by a rule.
pub(crate) struct BrokenReader {
    database: TestDb,
    rule: Rule,
}

impl BrokenReader {
    pub(crate) async fn by(rule: Rule) -> Self {
        Self { database: TestDb::fresh().await.expect("a database for the test"), rule }
    }
}

impl StoreHarness for BrokenReader {
    type Store = ReadBy;
    type Operator = PostgresStore;

    fn store(&self) -> ReadBy {
        ReadBy { sound: self.database.store(), rule: self.rule }
    }

    fn operator(&self) -> PostgresStore {
        self.database.store()
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        self.database.require_unique_event_ids().await
    }
}

impl SqlHarness for BrokenReader {
    async fn connect(&self) -> CaseResult<Client> {
        SqlHarness::connect(&self.database).await
    }

    fn schema(&self) -> &str {
        self.database.schema()
    }
}

/// A sound log whose events nothing guards any more.
pub(crate) struct UnguardedLog(pub(crate) TestDb);

impl StoreHarness for UnguardedLog {
    type Store = PostgresStore;
    type Operator = PostgresStore;

    fn store(&self) -> PostgresStore {
        self.0.store()
    }

    fn operator(&self) -> PostgresStore {
        self.0.store()
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        self.0.require_unique_event_ids().await
    }
}

impl SqlHarness for UnguardedLog {
    async fn connect(&self) -> CaseResult<Client> {
        let client = SqlHarness::connect(&self.0).await?;
        client.batch_execute("alter table annals.events disable trigger all").await?;
        Ok(client)
    }

    fn schema(&self) -> &str {
        self.0.schema()
    }
}

/// The store of a [`BrokenReader`].
#[derive(Debug, Clone)]
pub(crate) struct ReadBy {
    sound: PostgresStore,
    rule: Rule,
}

impl ReadBy {
    async fn page(&self, query: LogQuery) -> Result<LogPage, Box<dyn std::error::Error + Send + Sync>> {
        let client = self.sound.pool().get().await?;
        let head: i64 = client.query_one(self.rule.0, &[]).await?.get(0);
        let limit = i64::try_from(query.limit)?;
        let rows = client.query(PAGE, &[&i64::from(query.from), &head, &limit]).await?;
        let mut events = Vec::new();
        for row in rows {
            // Whole events come from the sound store: streams need no rule.
            let only = StreamQuery::forward().from(Version::try_from(row.get::<_, i64>(1))?).limit(1);
            events.extend(self.sound.read_stream(&row.get::<_, &str>(0).parse()?, only).await?);
        }
        let head = GlobalPosition::try_from(head)?;
        let settled_to = match events.last() {
            Some(last) if events.len() == query.limit => last.position,
            _ => head.max(query.from),
        };
        Ok(LogPage { events, settled_to, head, held_back: None })
    }
}

impl EventStore for ReadBy {
    async fn read_log(&self, query: LogQuery) -> Result<LogPage, ReadError> {
        match query.direction {
            Direction::Forward if query.filter.is_all() => self.page(query).await.map_err(ReadError::Storage),
            _ => self.sound.read_log(query).await,
        }
    }

    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.sound.append(append).await
    }

    async fn append_many(&self, append: AppendMany) -> Result<AppendedMany, AppendError> {
        self.sound.append_many(append).await
    }

    async fn cancel_key(&self, key: IdempotencyKey) -> Result<Cancellation, AppendError> {
        self.sound.cancel_key(key).await
    }

    async fn append_decisions(&self, append: AppendDecisions) -> Result<AppendedDecisions, AppendError> {
        self.sound.append_decisions(append).await
    }

    async fn claim_holder(&self, claim: &Claim) -> Result<Option<StreamName>, ReadError> {
        self.sound.claim_holder(claim).await
    }

    async fn find_append_many(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<AppendedMany>, AppendError> {
        self.sound.find_append_many(key, fingerprint).await
    }

    async fn find_append(
        &self,
        key: IdempotencyKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<Appended>, AppendError> {
        self.sound.find_append(key, fingerprint).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        query: StreamQuery,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.sound.read_stream(stream, query).await
    }

    async fn stream_info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        self.sound.stream_info(stream).await
    }

    async fn list_streams(&self, query: StreamListQuery) -> Result<Vec<StreamInfo>, ReadError> {
        self.sound.list_streams(query).await
    }

    fn wakeups(&self) -> Wakeups {
        self.sound.wakeups()
    }
}
