//! What a server is for, and the settings that follow from it.
//!
//! Guarantees
//! - `Durable` runs with everything on that keeps a commit through a power cut;
//! - `Test` may lose its data with the machine, never with the server process alone.

use std::{fmt, str::FromStr};

/// What a server is for: tests that throw their data away, or examples and benchmarks that mean it.
///
/// Each profile has a server and a data folder of its own, so a benchmark is never measured with the
/// durability of a test.
///
/// # Examples
///
/// ```
/// # use annals_devdb::Profile;
/// assert_eq!("durable".parse(), Ok(Profile::Durable));
/// assert_eq!(Profile::Test.to_string(), "test");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// No fsync, many connections. A crash of the machine costs the data, a crash of the server does not.
    Test,
    /// fsync and full page writes on, as in production. For examples, benchmarks and `annals dev`.
    Durable,
}

impl Profile {
    /// Both profiles.
    pub const ALL: [Profile; 2] = [Profile::Test, Profile::Durable];

    /// Returns the server settings of this profile, as name and value.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Profile::Test => &TEST,
            Profile::Durable => &DURABLE,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Test => "test",
            Profile::Durable => "durable",
        })
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Profile, String> {
        match text {
            "test" => Ok(Profile::Test),
            "durable" => Ok(Profile::Durable),
            other => Err(format!("no profile {other:?}: it is test or durable")),
        }
    }
}

const TEST: [(&str, &str); 22] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %d "),
    // Tests provoke errors by the thousand; the log is for the server's own troubles.
    ("log_min_messages", "log"),
    ("log_checkpoints", "off"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    // Stays on: tests of crashes of the server process rely on what was acknowledged.
    ("synchronous_commit", "on"),
    ("wal_level", "replica"),
    ("shared_buffers", "192MB"),
    ("max_wal_size", "256MB"),
    ("min_wal_size", "80MB"),
    ("checkpoint_timeout", "30min"),
    ("max_connections", "400"),
    ("max_prepared_transactions", "64"),
    ("max_locks_per_transaction", "256"),
    ("autovacuum", "on"),
    // Whether a plan was compiled must not decide how long a test takes.
    ("jit", "off"),
    ("huge_pages", "off"),
    ("max_files_per_process", "500"),
];

const DURABLE: [(&str, &str); 17] = [
    ("listen_addresses", ""),
    ("unix_socket_permissions", "0700"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] %d "),
    ("log_min_messages", "warning"),
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("wal_level", "replica"),
    ("shared_buffers", "256MB"),
    ("max_wal_size", "2GB"),
    ("max_connections", "200"),
    ("max_prepared_transactions", "64"),
    ("max_locks_per_transaction", "128"),
    ("autovacuum", "on"),
    ("huge_pages", "off"),
];
