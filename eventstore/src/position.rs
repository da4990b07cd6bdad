//! Positions in the log of all streams.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an event stands in the log: opaque, ordered, printable, parsable – and no number to count with.
///
/// Positions rise in the order in which the log is read. They have holes (a rolled-back append leaves its
/// positions unused), so a difference of two positions is no count of events, and the next position is not
/// known until it is read. It comes from `events.position`.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::GlobalPosition;
/// let seen: GlobalPosition = "42".parse()?;
/// assert!(seen > GlobalPosition::START);
/// assert_eq!(seen.to_string(), "42");
/// # Ok::<(), annals_eventstore::InvalidPosition>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct GlobalPosition(i64);

impl GlobalPosition {
    /// Before the first event.
    pub const START: Self = Self(0);
    /// Behind every event there can be.
    pub const END: Self = Self(i64::MAX);

    /// Takes a position that the log itself handed out.
    pub(crate) fn recorded(position: i64) -> Self {
        Self(position.max(0))
    }
}

/// A text or number that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPosition {
    /// The text is no whole number.
    #[error("a position is a whole number, not {0:?}")]
    NotANumber(String, #[source] ParseIntError),
    /// The number is below zero.
    #[error("a position cannot be {0}: it is at least 0")]
    Negative(i64),
}

impl TryFrom<i64> for GlobalPosition {
    type Error = InvalidPosition;

    fn try_from(position: i64) -> Result<Self, Self::Error> {
        if position < 0 { Err(InvalidPosition::Negative(position)) } else { Ok(Self(position)) }
    }
}

impl From<GlobalPosition> for i64 {
    fn from(position: GlobalPosition) -> Self {
        position.0
    }
}

impl FromStr for GlobalPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let position: i64 =
            text.parse().map_err(|cause| InvalidPosition::NotANumber(text.to_owned(), cause))?;
        Self::try_from(position)
    }
}

impl fmt::Display for GlobalPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
