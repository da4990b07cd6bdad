//! What the rows of a projection depend on, as a number to compare.

use std::fmt;

use sha2::{Digest, Sha256};

use super::manifest::Manifest;
use super::token::{Kind, Token};

/// Tells whether a folder is still the one that filled the tables: kept with the projection's registration, it shows an
/// edit under the same version.
///
/// A SHA-256 over the name, version, schema, key, the event types with their statements, and `setup.sql`. Comments,
/// blanks and the names of files do not count, nor does what leaves the rows as they are: `partitions`, `errors`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FolderFingerprint([u8; 32]);

impl FolderFingerprint {
    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Takes the fingerprint of a folder; `handlers` are the texts by event type, in the order of types.
    pub(super) fn of<'s>(
        manifest: &Manifest,
        setup: &[Token<'_>],
        handlers: impl IntoIterator<Item = (&'s str, bool, Vec<Token<'s>>)>,
    ) -> Self {
        let mut parts = Parts(Sha256::new());
        parts.add("annals sql projection 1");
        parts.add(&manifest.name);
        parts.add(&manifest.version.to_string());
        parts.add(manifest.schema.as_str());
        parts.add(&manifest.key.to_string());
        parts.add(&normalized(setup));
        for (event_type, is_set_based, tokens) in handlers {
            parts.add(event_type);
            parts.add(if is_set_based { "all events at once" } else { "one event" });
            parts.add(&normalized(&tokens));
        }
        Self(parts.0.finalize().into())
    }
}

/// Takes texts, each with its length in front: where one ends is part of what is hashed.
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }
}

/// Returns a text with one blank where there are any, or comments: a blank is kept since `< =` is not `<=`.
fn normalized(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    for token in tokens {
        match token.kind {
            Kind::Space | Kind::Comment if text.ends_with(' ') || text.is_empty() => {}
            Kind::Space | Kind::Comment => text.push(' '),
            _ => text.push_str(token.text),
        }
    }
    text.truncate(text.trim_end_matches([' ', ';']).len());
    text
}

impl fmt::Display for FolderFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FolderFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderFingerprint({self})")
    }
}
