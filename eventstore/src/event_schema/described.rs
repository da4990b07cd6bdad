//! What the derive says of a type, in constants.

/// A type whose events are described; derived together with [`Event`](crate::Event), never written by hand.
pub trait Described {
    /// Its events, the retired ones too.
    const EVENTS: &'static [DescribedEvent];
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribedEvent {
    /// Its name in the log.
    pub name: &'static str,
    /// The version that is written, or was written last.
    pub version: i32,
    /// What its data is.
    pub holds: DescribedHolds,
}

/// What the data of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DescribedHolds {
    /// It is not written any more.
    Retired,
    /// A value of this type.
    One(&'static str),
    /// An object.
    Fields {
        /// Its fields.
        fields: &'static [DescribedField],
        /// Fields that are not known are refused.
        denies_unknown: bool,
    },
}

/// A field as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribedField {
    /// Its name in the log.
    pub name: &'static str,
    /// Its type, as it is written in the source.
    pub rust_type: &'static str,
    /// It is read where it is missing.
    pub may_be_missing: bool,
    /// It is not always written.
    pub may_be_left_out: bool,
}
