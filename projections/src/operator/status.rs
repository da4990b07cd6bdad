//! Projections as an operator sees them.

use annals_eventstore::GlobalPosition;
use annals_eventstore::postgres::Consumer;
use tokio_postgres::{Error, Row};

/// Whose tables a version of a projection fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// It fills its own.
    Live,
    /// An older version fills them still, until this one is built beside it.
    Building,
    /// A newer version fills them by now; nobody works on this one any more.
    Replaced,
}

impl Standing {
    /// Returns the word that the row has.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Building => "building",
            Self::Replaced => "replaced",
        }
    }
}

/// A projection version at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionStatus {
    /// Its name and version.
    pub projection: Consumer,
    /// Its slots.
    pub partitions: u16,
    /// On how many of them a runner works now.
    pub leased: usize,
    /// How many have stopped because they cannot go on.
    pub stopped: usize,
    /// Whether somebody paused it.
    pub paused: bool,
    /// Whose tables it fills.
    pub standing: Standing,
    /// How far all of its slots have come.
    pub position: GlobalPosition,
    /// How many keys are blocked by an event that cannot be applied.
    pub parked_keys: usize,
    /// How many events are parked.
    pub parked_events: usize,
}

pub(super) fn status(row: &Row) -> Result<ProjectionStatus, Error> {
    let count = |column: &str| -> Result<usize, Error> {
        Ok(usize::try_from(row.try_get::<_, i64>(column)?).unwrap_or_default())
    };
    Ok(ProjectionStatus {
        projection: Consumer { name: row.try_get("consumer")?, version: row.try_get("version")? },
        partitions: u16::try_from(row.try_get::<_, i32>("partitions")?).unwrap_or(u16::MAX),
        leased: count("leased")?,
        stopped: count("stopped")?,
        paused: row.try_get("paused")?,
        standing: match row.try_get("standing")? {
            "building" => Standing::Building,
            "replaced" => Standing::Replaced,
            _ => Standing::Live,
        },
        position: GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default(),
        parked_keys: count("parked_keys")?,
        parked_events: count("parked_events")?,
    })
}
