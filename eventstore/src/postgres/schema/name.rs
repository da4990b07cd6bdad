//! The schema a log lives in, and SQL written for it.
//!
//! SQL files are written for the schema `annals` and run as they stand in psql. For another schema every
//! whole word `annals` is replaced by its name; names such as `annals_log.fence` are other words and stay.

use std::fmt;
use std::str::FromStr;

/// The name of the database schema that holds a log: `annals` unless told otherwise.
///
/// 1 to 48 lower-case letters, digits and `_`, beginning with a letter, not with `pg_`. It also names the
/// channel on which wake-ups arrive. Two schemas in one database are two logs that know nothing of each
/// other.
///
/// # Errors
///
/// [`SchemaName::new`] and `parse` refuse anything else with [`InvalidSchemaName`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SchemaName(String);

/// The longest schema name, in bytes; leaves room for names made from it.
const SCHEMA_NAME_BYTES_MAX: usize = 48;

/// The schema the SQL files are written for.
const WRITTEN_FOR: &str = "annals";

impl SchemaName {
    /// Takes a name, if it is one.
    ///
    /// # Errors
    ///
    /// [`InvalidSchemaName`] when it breaks a rule.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidSchemaName> {
        let name = name.into();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let holds = name.len() <= SCHEMA_NAME_BYTES_MAX
            && name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && name.bytes().all(plain)
            && !name.starts_with("pg_");
        if holds { Ok(Self(name)) } else { Err(InvalidSchemaName(name)) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Rewrites SQL that was written for the schema `annals`.
    pub(crate) fn rewrite(&self, sql: &str) -> String {
        if self.0 == WRITTEN_FOR {
            return sql.to_owned();
        }
        let mut rewritten = String::with_capacity(sql.len() + 64);
        let mut rest = sql;
        while let Some(at) = rest.find(WRITTEN_FOR) {
            let (before, from) = rest.split_at(at);
            let after = &from[WRITTEN_FOR.len()..];
            rewritten.push_str(before);
            let inside_word = rewritten.ends_with(is_word) || after.starts_with(is_word);
            let is_program = rewritten.ends_with("run: ") || rewritten.ends_with('`');
            // Inside a literal of its own ('annals') the bare name stands; elsewhere the quoted one, which
            // also serves when the name is a key word of SQL.
            if inside_word || is_program {
                rewritten.push_str(WRITTEN_FOR);
            } else if rewritten.ends_with('\'') && after.starts_with('\'') {
                rewritten.push_str(&self.0);
            } else {
                rewritten.push('"');
                rewritten.push_str(&self.0);
                rewritten.push('"');
            }
            rest = after;
        }
        rewritten.push_str(rest);
        rewritten
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

impl Default for SchemaName {
    fn default() -> Self {
        Self(WRITTEN_FOR.to_owned())
    }
}

/// A text that is no schema name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no schema name: 1 to {SCHEMA_NAME_BYTES_MAX} of a-z, 0-9 and _, a letter first, not pg_")]
pub struct InvalidSchemaName(pub String);

impl FromStr for SchemaName {
    type Err = InvalidSchemaName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mention_of_the_schema_is_rewritten_and_nothing_else() {
        let schema = SchemaName::new("order").unwrap();
        let sql = "select annals.head(), 'annals'::regnamespace, 'annals.streams'::regclass, \
                   current_setting('annals_log.fence'), myannals.x, 'run: annals db repair' -- `annals doctor`";
        assert_eq!(
            schema.rewrite(sql),
            "select \"order\".head(), 'order'::regnamespace, '\"order\".streams'::regclass, \
             current_setting('annals_log.fence'), myannals.x, 'run: annals db repair' -- `annals doctor`"
        );
    }

    #[test]
    fn names_that_would_need_care_in_sql_are_refused() {
        for name in ["", "Annals", "1log", "pg_log", "a-b", "a\"b", "a b", &"x".repeat(49)] {
            assert!(SchemaName::new(name).is_err(), "{name:?}");
        }
        assert!(SchemaName::new("order").is_ok());
    }
}
