//! Names of streams, and the category that is read off them.
//!
//! Guarantees: a `StreamName` that exists is one the database takes too; the same rules stand in
//! `annals.append` for callers in other languages.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest stream name, in bytes of UTF-8.
pub const STREAM_NAME_BYTES_MAX: usize = 255;

/// The name of a stream, such as `account-7`: a category, a `-`, and whatever tells one apart.
///
/// 1 to 255 bytes of UTF-8 without control characters and without white space at either end. Names that
/// begin with `$` are reserved for Annals itself. Cheap to clone.
///
/// # Errors
///
/// [`StreamName::new`] and `parse` refuse anything else with [`InvalidStreamName`].
///
/// # Examples
///
/// ```
/// # use annals_eventstore::StreamName;
/// let account: StreamName = "account-7".parse()?;
/// assert_eq!(account.category().as_str(), "account");
/// assert!(StreamName::new("$all").is_err());
/// # Ok::<(), annals_eventstore::InvalidStreamName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Takes a name, if it is one.
    ///
    /// # Errors
    ///
    /// [`InvalidStreamName`] says which rule it breaks.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidStreamName> {
        let name = name.into();
        match fault_of(&name) {
            None => Ok(Self(name)),
            Some(fault) => Err(InvalidStreamName { name: name.to_string(), fault }),
        }
    }

    /// Joins a category and an id with a `-`.
    ///
    /// # Errors
    ///
    /// [`InvalidStreamName`] when the joined name breaks a rule.
    pub fn of(category: &Category, id: impl fmt::Display) -> Result<Self, InvalidStreamName> {
        Self::new(format!("{category}-{id}"))
    }

    /// Takes a name that the log itself handed out.
    pub(crate) fn recorded(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the text before the first `-`, or the whole name when there is none.
    pub fn category(&self) -> Category {
        Category(self.category_str().into())
    }

    /// The category as text, without making one.
    pub(crate) fn category_str(&self) -> &str {
        self.0.split_once('-').map_or(&*self.0, |(category, _)| category)
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The kind of thing a stream is about: the part of its name before the first `-`.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::Category;
/// assert_eq!(Category::new("account")?.as_str(), "account");
/// assert!(Category::new("bank-account").is_err());
/// # Ok::<(), annals_eventstore::InvalidStreamName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(Arc<str>);

/// So that a set of categories can be asked for a text.
impl Borrow<str> for Category {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Category {
    /// Takes a category: the rules of a stream name, and no `-`.
    ///
    /// # Errors
    ///
    /// [`InvalidStreamName`] says which rule it breaks.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidStreamName> {
        let name = name.into();
        let fault = if name.contains('-') { Some(StreamNameFault::Hyphen) } else { fault_of(&name) };
        match fault {
            None => Ok(Self(name)),
            Some(fault) => Err(InvalidStreamName { name: name.to_string(), fault }),
        }
    }

    /// Returns the category as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no stream name. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no stream name: {fault}")]
pub struct InvalidStreamName {
    /// What was given.
    pub name: String,
    /// The rule it breaks.
    pub fault: StreamNameFault,
}

/// The rules of stream names, as what breaks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamNameFault {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// More than [`STREAM_NAME_BYTES_MAX`] bytes.
    #[error("it is longer than {STREAM_NAME_BYTES_MAX} bytes")]
    TooLong,
    /// It begins with `$`.
    #[error("names that begin with `$` are reserved")]
    Reserved,
    /// A line break, a tab, a NUL or another control character.
    #[error("it holds a control character")]
    ControlCharacter,
    /// White space before or after.
    #[error("it begins or ends with white space")]
    Padded,
    /// A category with a `-`.
    #[error("a category holds no `-`")]
    Hyphen,
}

fn fault_of(name: &str) -> Option<StreamNameFault> {
    if name.is_empty() {
        Some(StreamNameFault::Empty)
    } else if name.len() > STREAM_NAME_BYTES_MAX {
        Some(StreamNameFault::TooLong)
    } else if name.starts_with('$') {
        Some(StreamNameFault::Reserved)
    } else if name.bytes().any(|byte| byte.is_ascii_control()) {
        Some(StreamNameFault::ControlCharacter)
    } else if name.starts_with(' ') || name.ends_with(' ') {
        Some(StreamNameFault::Padded)
    } else {
        None
    }
}

impl FromStr for StreamName {
    type Err = InvalidStreamName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl TryFrom<String> for StreamName {
    type Error = InvalidStreamName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(name)
    }
}

impl From<StreamName> for String {
    fn from(name: StreamName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(name: &str) -> Option<StreamNameFault> {
        StreamName::new(name).err().map(|refused| refused.fault)
    }

    #[test]
    fn odd_but_printable_names_are_names() {
        for name in ["a", "-", "--", "account-", "konto-ä-é-日本", "a b", "a/b:c'd\"e\\f%g", "-7"] {
            assert_eq!(fault(name), None, "{name:?}");
        }
        assert_eq!(fault(&"x".repeat(STREAM_NAME_BYTES_MAX)), None);
    }

    #[test]
    fn each_rule_is_told_by_its_fault() {
        assert_eq!(fault(""), Some(StreamNameFault::Empty));
        assert_eq!(fault(&"ä".repeat(128)), Some(StreamNameFault::TooLong));
        assert_eq!(fault("$system-1"), Some(StreamNameFault::Reserved));
        assert_eq!(fault("account\0-1"), Some(StreamNameFault::ControlCharacter));
        assert_eq!(fault("account-1\n"), Some(StreamNameFault::ControlCharacter));
        assert_eq!(fault(" account-1"), Some(StreamNameFault::Padded));
    }

    #[test]
    fn the_category_ends_at_the_first_hyphen() {
        let of = |name: &str| StreamName::new(name).unwrap().category().as_str().to_owned();
        assert_eq!(of("account-7-eu"), "account");
        assert_eq!(of("ledger"), "ledger");
        assert_eq!(of("-7"), "");
    }
}
