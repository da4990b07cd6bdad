//! An aggregate as it was read.

use annals_eventstore::Version;

/// The state of an aggregate, and the version of its stream that it is the state of.
///
/// An aggregate nothing has happened to is the default state at [`Version::NONE`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded<A> {
    /// What its events add up to.
    pub state: A,
    /// The version of the last event among them.
    pub version: Version,
}
