//! Somebody else's transaction, written in SQL and held open while the reader reads.

use std::fmt::Write as _;

use tokio_postgres::Client;

use crate::append::Appended;
use crate::conformance::failure::CaseResult;
use crate::conformance::given::{append, counted_to, ids_of};
use crate::conformance::harness::SqlHarness;
use crate::event::NewEvent;
use crate::event_id::EventId;
use crate::position::GlobalPosition;
use crate::store::EventStore;
use crate::stream::StreamName;
use crate::version::{ExpectedVersion, Version};

/// A transaction that is open until it is committed or rolled back.
pub(super) struct OpenTransaction {
    client: Client,
    append: String,
}

impl OpenTransaction {
    /// Begins a transaction on a connection of its own.
    pub(super) async fn begin<H: SqlHarness>(harness: &H) -> CaseResult<Self> {
        let client = harness.connect().await?;
        client.batch_execute("begin isolation level read committed").await?;
        let append = format!(
            "select from_version, to_version, from_position, to_position, already_applied \
             from {}.append($1, $2, $3::text::json)",
            harness.schema()
        );
        Ok(Self { client, append })
    }

    /// Begins a transaction that has an id, and so a place among all transactions, before it appends.
    pub(super) async fn begin_with_id<H: SqlHarness>(harness: &H) -> CaseResult<Self> {
        let transaction = Self::begin(harness).await?;
        transaction.execute("select pg_current_xact_id()").await?;
        Ok(transaction)
    }

    /// Begins a transaction and appends so many events.
    pub(super) async fn holding<H: SqlHarness>(
        harness: &H,
        name: &str,
        events: usize,
    ) -> CaseResult<(Self, Held)> {
        let transaction = Self::begin(harness).await?;
        let held = transaction.append_counted(name, events).await?;
        Ok((transaction, held))
    }

    /// Appends so many events to a stream of any version.
    pub(super) async fn append_counted(&self, name: &str, events: usize) -> CaseResult<Held> {
        let events = counted_to(events);
        let appended = self.append(&StreamName::new(name)?, &events).await?;
        Ok(Held { appended, ids: ids_of(&events) })
    }

    /// Appends events to a stream of any version.
    pub(super) async fn append(&self, stream: &StreamName, events: &[NewEvent]) -> CaseResult<Appended> {
        self.append_json(stream.as_str(), &json_of(events)?).await
    }

    /// Appends events to a stream of any version.
    pub(super) async fn append_json(&self, stream: &str, events: &str) -> CaseResult<Appended> {
        let any = ExpectedVersion::Any.as_sql();
        let row = self.client.query_one(&self.append, &[&stream, &any, &events]).await?;
        Ok(Appended {
            from_version: Version::try_from(row.try_get::<_, i64>(0)?)?,
            to_version: Version::try_from(row.try_get::<_, i64>(1)?)?,
            from_position: GlobalPosition::try_from(row.try_get::<_, i64>(2)?)?,
            to_position: GlobalPosition::try_from(row.try_get::<_, i64>(3)?)?,
            already_applied: row.try_get(4)?,
        })
    }

    /// Runs any statement in the transaction.
    pub(super) async fn execute(&self, sql: &str) -> CaseResult {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Commits, and returns once the commit is acknowledged.
    pub(super) async fn commit(self) -> CaseResult {
        self.execute("commit").await
    }

    /// Rolls back, and returns once that is acknowledged.
    pub(super) async fn rollback(self) -> CaseResult {
        self.execute("rollback").await
    }
}

/// Appends so many events through the store: a transaction that is over when this returns.
pub(super) async fn committed<S: EventStore>(store: &S, name: &str, events: usize) -> CaseResult<Held> {
    let request = append(name, events);
    let ids = ids_of(&request.events);
    Ok(Held { appended: store.append(request).await?, ids })
}

/// What a transaction appended, committed or not.
pub(super) struct Held {
    pub(super) appended: Appended,
    pub(super) ids: Vec<EventId>,
}

fn json_of(events: &[NewEvent]) -> CaseResult<String> {
    let mut json = String::from("[");
    for (n, event) in events.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let event_type = serde_json::to_string(event.event_type.as_str())?;
        write!(json, r#"{comma}{{"id":"{}","type":{event_type},"data":{}}}"#, event.id, event.data)?;
    }
    json.push(']');
    Ok(json)
}

/// The SQLSTATE of a refusal; empty when the database did not answer at all.
pub(super) fn sqlstate_of(error: &tokio_postgres::Error) -> &str {
    error.code().map_or("", tokio_postgres::error::SqlState::code)
}
