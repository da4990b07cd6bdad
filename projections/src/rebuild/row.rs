//! A rebuild, as its row says.

use annals_eventstore::postgres::{Consumer, SchemaName};
use tokio_postgres::{Error, Row};

use super::names::{filler, old_schema, shadow_schema};

/// Where a rebuild stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RebuildState {
    /// It was asked for, and no runner has begun.
    Asked,
    /// New tables are filled beside the live ones.
    Filling,
    /// The new tables are the live ones; the old ones are still to be dropped.
    Swapped,
    /// It has ended well.
    Done,
    /// It was cancelled, and what there is of it is to be removed.
    Cancelling,
    /// It was cancelled; nothing has changed.
    Cancelled,
    /// It cannot go on, and what there is of it is to be removed.
    Failing,
    /// It could not go on; nothing has changed.
    Failed,
}

const STATES: [(RebuildState, &str); 8] = [
    (RebuildState::Asked, "asked"),
    (RebuildState::Filling, "filling"),
    (RebuildState::Swapped, "swapped"),
    (RebuildState::Done, "done"),
    (RebuildState::Cancelling, "cancelling"),
    (RebuildState::Cancelled, "cancelled"),
    (RebuildState::Failing, "failing"),
    (RebuildState::Failed, "failed"),
];

impl RebuildState {
    /// Returns the word that the row has.
    pub fn as_str(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// Tells whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// Reads the word of a row; a check of the table allows no other.
    pub(crate) fn of(word: &str) -> Self {
        STATES.iter().find(|(_, known)| *known == word).map_or(Self::Failed, |(state, _)| *state)
    }
}

impl std::fmt::Display for RebuildState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A rebuild that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rebuild {
    pub(crate) id: i64,
    /// What is built.
    pub(crate) projection: Consumer,
    /// Whose tables it replaces.
    pub(crate) live: Consumer,
    pub(crate) state: RebuildState,
    /// The schema of the live tables.
    pub(crate) schema: SchemaName,
    /// Its slots, which are those of the live one.
    pub(crate) partitions: u16,
    pub(super) verification: Option<String>,
    /// Events a second.
    pub(crate) throttle: Option<i64>,
    pub(super) keeps_old: bool,
    pub(super) reason: String,
    pub(super) asked_by: String,
}

impl Rebuild {
    /// Reads a row; nothing where the projection does not own a schema any more.
    pub(crate) fn of(row: &Row) -> Result<Option<Self>, Error> {
        let Some(schema) = row.try_get::<_, Option<String>>("schema_name")? else { return Ok(None) };
        let Ok(schema) = SchemaName::new(schema) else { return Ok(None) };
        let name: String = row.try_get("consumer")?;
        let consumer = |version| Consumer { name: name.clone(), version };
        Ok(Some(Self {
            id: row.try_get("rebuild_id")?,
            projection: consumer(row.try_get("version")?),
            live: consumer(row.try_get("replaces")?),
            state: RebuildState::of(row.try_get("state")?),
            schema,
            partitions: u16::try_from(row.try_get::<_, i32>("partitions")?).unwrap_or(u16::MAX),
            verification: row.try_get("verification")?,
            throttle: row.try_get("throttle")?,
            keeps_old: row.try_get("keeps_old")?,
            reason: row.try_get("reason")?,
            asked_by: row.try_get("asked_by")?,
        }))
    }

    /// Who fills the new tables.
    pub(crate) fn filler(&self) -> Consumer {
        filler(&self.projection, self.id)
    }

    /// The schema of the new tables.
    pub(crate) fn shadow(&self) -> SchemaName {
        shadow_schema(&self.schema, self.id)
    }

    /// The schema of the old tables after the swap.
    pub(super) fn replaced(&self) -> SchemaName {
        old_schema(&self.schema, self.id)
    }
}
