//! Optional indexes: what makes a filtered read fast, for a price that every append pays.
//!
//! Guarantees: an index is built beside running appends and reads (`concurrently`), and one that failed half-way
//! is built anew. Reads are right with and without it.
//!
//! Leaves to others: deciding (`docs/reading.md` has what each one costs and saves).

use std::fmt;
use std::str::FromStr;

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::connect::{ConnectError, ConnectOptions, connect};
use super::schema::SchemaName;

/// An index that a log can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptionalIndex {
    /// Streams by category.
    Category,
    /// Events by type.
    EventType,
    /// Events by their id.
    EventId,
    /// Events by correlation id.
    Correlation,
    /// Events by the time they were recorded.
    RecordedAt,
}

/// What is there of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexState {
    /// Nothing.
    Absent,
    /// It is being built, or building it failed; [`add_index`] builds it anew.
    Unfinished,
    /// It is in use.
    Ready,
}

/// One optional index of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStatus {
    /// Which one.
    pub index: OptionalIndex,
    /// What is there of it.
    pub state: IndexState,
    /// Its size; 0 where it is absent.
    pub bytes: i64,
}

/// A text that names no optional index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no optional index {0}; there are category, event-type, event-id, correlation, recorded-at")]
pub struct UnknownIndex(pub String);

/// Why an index was not built or dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The database could not be reached. Nothing was changed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database refused. Of an index that was being built an unfinished rest may be left, which costs
    /// appends and serves nobody: add it again, or drop it.
    #[error("index {index} cannot be changed")]
    Database {
        /// Which one.
        index: OptionalIndex,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The database could not tell which there are. Nothing was changed.
    #[error("optional indexes cannot be listed")]
    Listing(#[source] tokio_postgres::Error),
}

impl OptionalIndex {
    /// Every one there is.
    pub const ALL: [Self; 5] =
        [Self::Category, Self::EventType, Self::EventId, Self::Correlation, Self::RecordedAt];

    /// Returns its name, as in `annals db index add event-type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::EventType => "event-type",
            Self::EventId => "event-id",
            Self::Correlation => "correlation",
            Self::RecordedAt => "recorded-at",
        }
    }

    /// Returns the statement that builds it, to be run outside of a transaction.
    pub fn statement(self, schema: &SchemaName) -> String {
        schema.rewrite(match self {
            Self::Category => include_str!("indexes/category.sql"),
            Self::EventType => include_str!("indexes/event_type.sql"),
            Self::EventId => include_str!("indexes/event_id.sql"),
            Self::Correlation => include_str!("indexes/correlation.sql"),
            Self::RecordedAt => include_str!("indexes/recorded_at.sql"),
        })
    }

    /// Its own name in the database.
    pub(super) fn own_relation(self) -> &'static str {
        self.relations()[0]
    }

    /// Its names in the database: its own, and that of an index that serves as well.
    fn relations(self) -> &'static [&'static str] {
        match self {
            Self::Category => &["streams_category_idx"],
            Self::EventType => &["events_event_type_position_idx"],
            Self::EventId => &["events_event_id_idx", "events_event_id_key"],
            Self::Correlation => &["events_correlation_position_idx"],
            Self::RecordedAt => &["events_recorded_at_idx"],
        }
    }

    fn refused(self) -> impl Fn(tokio_postgres::Error) -> IndexError {
        move |source| IndexError::Database { index: self, source }
    }
}

impl fmt::Display for OptionalIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for OptionalIndex {
    type Err = UnknownIndex;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|index| index.name() == name).ok_or_else(|| UnknownIndex(name.to_owned()))
    }
}

/// Builds an index, beside running appends; tells whether there was anything to do.
///
/// It reads the whole table, and waits for the transactions that are open meanwhile, in this database. Run it
/// as the owner of the log.
///
/// # Errors
///
/// [`IndexError`]; see what it says about the rest of an unfinished index.
pub async fn add_index(
    options: &ConnectOptions,
    schema: &SchemaName,
    index: OptionalIndex,
) -> Result<bool, IndexError> {
    let client = connect(options).await?.into_client();
    match status(&client, schema, index).await?.state {
        IndexState::Ready => return Ok(false),
        IndexState::Unfinished => remove(&client, schema, index).await?,
        IndexState::Absent => {}
    }
    client.batch_execute(&index.statement(schema)).await.map_err(index.refused())?;
    // An index over an expression brings numbers of its own for the planner.
    let analyze = schema.rewrite("analyze annals.events; analyze annals.streams");
    client.batch_execute(&analyze).await.map_err(index.refused())?;
    Ok(true)
}

/// Drops an index, beside running appends; tells whether there was anything to do. What makes event ids unique
/// is not optional any more, and stays.
///
/// # Errors
///
/// [`IndexError`].
pub async fn drop_index(
    options: &ConnectOptions,
    schema: &SchemaName,
    index: OptionalIndex,
) -> Result<bool, IndexError> {
    let client = connect(options).await?.into_client();
    let is_there = stored(&client, schema, index, index.own_relation()).await?.is_some();
    if is_there {
        remove(&client, schema, index).await?;
    }
    Ok(is_there)
}

/// Tells which optional indexes a log has.
///
/// # Errors
///
/// [`IndexError`].
pub async fn optional_indexes(
    options: &ConnectOptions,
    schema: &SchemaName,
) -> Result<Vec<IndexStatus>, IndexError> {
    let client = connect(options).await?.into_client();
    let mut all = Vec::new();
    for index in OptionalIndex::ALL {
        all.push(status(&client, schema, index).await?);
    }
    Ok(all)
}

async fn remove(client: &Client, schema: &SchemaName, index: OptionalIndex) -> Result<(), IndexError> {
    let relation = index.own_relation();
    let drop = schema.rewrite(&format!("drop index concurrently if exists annals.{relation}"));
    client.batch_execute(&drop).await.map_err(index.refused())
}

async fn status(
    client: &Client,
    schema: &SchemaName,
    index: OptionalIndex,
) -> Result<IndexStatus, IndexError> {
    let mut found = IndexStatus { index, state: IndexState::Absent, bytes: 0 };
    for relation in index.relations() {
        if let Some(stored) = stored(client, schema, index, relation).await?
            && found.state != IndexState::Ready
        {
            found = stored;
        }
    }
    Ok(found)
}

/// What is there under a name.
async fn stored(
    client: &Client,
    schema: &SchemaName,
    index: OptionalIndex,
    relation: &str,
) -> Result<Option<IndexStatus>, IndexError> {
    let sql = "select i.indisvalid and i.indisready, pg_relation_size(i.indexrelid)
               from pg_catalog.pg_index as i where i.indexrelid = to_regclass($1)";
    let name = format!("\"{schema}\".{relation}");
    let row = client.query_typed_opt(sql, &[(&name, Type::TEXT)]).await.map_err(IndexError::Listing)?;
    Ok(row.map(|row| {
        let state = if row.get(0) { IndexState::Ready } else { IndexState::Unfinished };
        IndexStatus { index, state, bytes: row.get(1) }
    }))
}
