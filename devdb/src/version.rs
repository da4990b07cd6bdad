//! Versions of PostgreSQL as its programs print them.

use std::{fmt, str::FromStr};

/// The version of a PostgreSQL server: major and minor, as in 15.18.
///
/// A development version counts as minor 0 of its major version, since its data folder is that of the major.
///
/// # Examples
///
/// ```
/// # use annals_devdb::PostgresVersion;
/// let version: PostgresVersion = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".parse().unwrap();
/// assert_eq!((version.major(), version.minor()), (15, 18));
/// assert!(version.is_supported());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostgresVersion {
    major: u32,
    minor: u32,
}

impl PostgresVersion {
    /// The first major version that Annals runs on.
    pub const OLDEST_MAJOR: u32 = 15;

    /// Builds a version from its two numbers.
    pub const fn new(major: u32, minor: u32) -> PostgresVersion {
        PostgresVersion { major, minor }
    }

    /// Returns the major version, which decides whether a data folder can be read.
    pub fn major(self) -> u32 {
        self.major
    }

    /// Returns the minor version.
    pub fn minor(self) -> u32 {
        self.minor
    }

    /// True for the versions that Annals runs on.
    pub fn is_supported(self) -> bool {
        self.major >= PostgresVersion::OLDEST_MAJOR
    }
}

impl fmt::Display for PostgresVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for PostgresVersion {
    type Err = String;

    /// Reads the first word that begins with a digit: `postgres --version`, `server_version`, `pg_config --version`.
    fn from_str(text: &str) -> Result<PostgresVersion, String> {
        let word = text
            .split_whitespace()
            .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
            .ok_or_else(|| format!("no version in {text:?}"))?;
        let major = leading_number(word).ok_or_else(|| format!("no version in {text:?}"))?;
        let minor = word.split_once('.').and_then(|(_, rest)| leading_number(rest)).unwrap_or(0);
        Ok(PostgresVersion { major, minor })
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_a_postgresql_prints_its_version_is_read() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", (15, 18)),
            ("postgres (PostgreSQL) 17.2\n", (17, 2)),
            ("PostgreSQL 9.6.24", (9, 6)),
            ("postgres (PostgreSQL) 18beta1", (18, 0)),
            ("19devel", (19, 0)),
            ("16.4 (Ubuntu 16.4-1.pgdg22.04+1)", (16, 4)),
        ];
        for (text, (major, minor)) in cases {
            assert_eq!(text.parse(), Ok(PostgresVersion::new(major, minor)), "{text}");
        }
    }

    #[test]
    fn a_text_without_a_version_is_refused() {
        assert!("command not found".parse::<PostgresVersion>().is_err());
        assert!("".parse::<PostgresVersion>().is_err());
    }
}
