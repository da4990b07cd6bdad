//! Claims: keys that one stream holds and no other may.

use std::fmt;

/// The longest space of a claim, in bytes of UTF-8.
pub const CLAIM_SPACE_BYTES_MAX: usize = 64;

/// The longest value of a claim, in bytes of UTF-8.
pub const CLAIM_VALUE_BYTES_MAX: usize = 512;

/// A key that at most one stream of a log holds, such as an e-mail address among those of all customers.
///
/// A space tells what kind of key it is, the value is the key itself: both are compared byte by byte, so write a
/// value the same way always (an address in lower case, say). It is stored as it is: claim a hash of what nobody
/// may read.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::Claim;
/// let address = Claim::new("e-mail", "ann@example.org")?;
/// assert_eq!(address.to_string(), "e-mail ann@example.org");
/// assert!(Claim::new("e-mail", "").is_err());
/// # Ok::<(), annals_eventstore::InvalidClaim>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    space: String,
    value: String,
}

/// A text that is no part of a claim. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("claim refused: its {part} is empty, longer than {bytes_max} bytes or holds a control character")]
pub struct InvalidClaim {
    /// Which part.
    pub part: &'static str,
    /// How long it may be.
    pub bytes_max: usize,
}

impl Claim {
    /// Takes a space and a value.
    ///
    /// # Errors
    ///
    /// [`InvalidClaim`] when one of them is empty, too long ([`CLAIM_SPACE_BYTES_MAX`],
    /// [`CLAIM_VALUE_BYTES_MAX`]) or holds a control character.
    pub fn new(space: impl Into<String>, value: impl Into<String>) -> Result<Self, InvalidClaim> {
        let (space, value) = (space.into(), value.into());
        for (part, text, bytes_max) in
            [("space", &space, CLAIM_SPACE_BYTES_MAX), ("value", &value, CLAIM_VALUE_BYTES_MAX)]
        {
            if text.is_empty() || text.len() > bytes_max || text.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(InvalidClaim { part, bytes_max });
            }
        }
        Ok(Self { space, value })
    }

    /// Takes parts that the log itself handed out.
    pub(crate) fn recorded(space: String, value: String) -> Self {
        Self { space, value }
    }

    /// Returns what kind of key it is.
    pub fn space(&self) -> &str {
        &self.space
    }

    /// Returns the key.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.space, self.value)
    }
}

/// What becomes of a claim together with the events of a decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimChange {
    /// The stream takes it; refused where another stream holds it, fine where the stream holds it already.
    Take(Claim),
    /// The stream lets go of it; nothing happens where it does not hold it.
    Release(Claim),
}

impl ClaimChange {
    /// Returns the claim.
    pub fn claim(&self) -> &Claim {
        match self {
            Self::Take(claim) | Self::Release(claim) => claim,
        }
    }
}
