//! Idempotency keys: how a repeated append is recognised, whatever version it expects.

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A name for one append that holds for ever: the same key again returns the first result.
///
/// Sixteen bytes. A UUID is taken as it is (time-ordered ones are kind to the index); any other text is
/// hashed, in the same way as `annals.append` does it.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::IdempotencyKey;
/// assert_eq!(IdempotencyKey::from("transfer 7"), IdempotencyKey::from("transfer 7"));
/// assert_ne!(IdempotencyKey::from("transfer 7"), IdempotencyKey::from("transfer 8"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Uuid);

impl IdempotencyKey {
    /// Draws a new key.
    #[expect(clippy::new_without_default, reason = "every call draws another key")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the sixteen bytes as a UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for IdempotencyKey {
    fn from(key: Uuid) -> Self {
        Self(key)
    }
}

impl From<&str> for IdempotencyKey {
    fn from(text: &str) -> Self {
        // Only the hyphenated form is read as a UUID, as in SQL; the other spellings are texts.
        let spelled = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
        Self(spelled.unwrap_or_else(|| {
            let hash = Sha256::digest(text.as_bytes());
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&hash[..16]);
            Uuid::from_bytes(bytes)
        }))
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an append under a key is about: the same key with another fingerprint is refused.
///
/// By default a hash of stream, event types and data, taken by the log. Give one of your own (a hash of the
/// command, say) where a repeated command may be decided differently.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Hashes any text or bytes.
    pub fn of(content: impl AsRef<[u8]>) -> Self {
        Self(Sha256::digest(content.as_ref()).into())
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
