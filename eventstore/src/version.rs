//! Versions of a stream, and what an appender expects of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of events in a stream, which is also the version of its last event.
///
/// Counted in events from 0 (no stream yet) to `i64::MAX`, since PostgreSQL keeps it as `bigint`.
/// It comes from `streams.version`; only the append transaction moves it.
///
/// # Errors
///
/// `Version::try_from(i64)` refuses a negative number, which only a damaged row can hold.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::Version;
/// assert_eq!(Version::NONE.advance(3).get(), 3);
/// assert!(Version::try_from(-1).is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Version(i64);

impl Version {
    /// The version of a stream without events.
    pub const NONE: Self = Self(0);
    /// The version of a stream's first event.
    pub const FIRST: Self = Self(1);
    /// A version no stream goes beyond.
    pub const MAX: Self = Self(i64::MAX);

    /// Returns the version after `events` more events; stays at [`Version::MAX`] beyond it.
    #[must_use]
    pub fn advance(self, events: u64) -> Self {
        Self(self.0.saturating_add_unsigned(events))
    }

    /// Returns the version after one more event.
    #[must_use]
    pub fn next(self) -> Self {
        self.advance(1)
    }

    /// Returns the number of events.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A number below zero, where a count of events was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version counts events and cannot be {0}")]
pub struct NegativeVersion(pub i64);

impl TryFrom<i64> for Version {
    type Error = NegativeVersion;

    fn try_from(events: i64) -> Result<Self, Self::Error> {
        if events < 0 { Err(NegativeVersion(events)) } else { Ok(Self(events)) }
    }
}

impl From<Version> for i64 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an appender expects of the stream it writes to; a stream that differs refuses the append.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::{ExpectedVersion, Version};
/// assert_eq!(ExpectedVersion::from(Version::NONE), ExpectedVersion::NoStream);
/// assert!(ExpectedVersion::Any.holds_at(Version::NONE));
/// assert!(!ExpectedVersion::StreamExists.holds_at(Version::NONE));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ExpectedVersion {
    /// Nothing: append whatever is there. Concurrent appends queue and all succeed.
    #[default]
    Any,
    /// That the stream has no events yet (or was deleted and may begin again).
    NoStream,
    /// That the stream has events.
    StreamExists,
    /// That the stream is at exactly this version. [`Version::NONE`] means [`ExpectedVersion::NoStream`].
    Exact(Version),
}

impl ExpectedVersion {
    /// Tells whether a stream at `actual` (0 = no stream) meets the expectation.
    pub fn holds_at(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version::NONE,
            Self::StreamExists => actual > Version::NONE,
            Self::Exact(version) => actual == version,
        }
    }

    /// Tells whether the expectation holds at one version alone, so that the same events at it are recognised.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Self::NoStream | Self::Exact(_))
    }

    /// Returns the number by which the SQL API names the expectation.
    pub(crate) fn as_sql(self) -> i64 {
        match self {
            Self::Any => -2,
            Self::StreamExists => -4,
            Self::NoStream => 0,
            Self::Exact(version) => version.get(),
        }
    }

    /// Reads the number by which the SQL API names an expectation.
    pub(crate) fn from_sql(number: i64) -> Option<Self> {
        match number {
            -2 => Some(Self::Any),
            -4 => Some(Self::StreamExists),
            number => Version::try_from(number).ok().map(Self::from),
        }
    }
}

impl From<Version> for ExpectedVersion {
    fn from(version: Version) -> Self {
        if version == Version::NONE { Self::NoStream } else { Self::Exact(version) }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("an existing stream"),
            Self::Exact(version) => version.fmt(f),
        }
    }
}
