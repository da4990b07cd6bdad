//! Connection strings: another database put into them, the password kept out of what is printed.
//!
//! Both forms that `tokio_postgres` reads are handled: URLs and `key=value` strings. A URL is taken apart at
//! the same characters as there, so that the string that is rewritten is the one that connects.
//!
//! Guarantees
//! - `Debug` and `Display` never show a password;
//! - only the database changes in `with_database`: query parameters and other keys stay.

mod pairs;
pub(crate) mod secret;
#[cfg(test)]
mod tests;
pub(crate) mod url;

use std::fmt;

use url::Url;

/// A connection string that never prints its password.
///
/// # Examples
///
/// ```
/// # use annals_devdb::DatabaseUrl;
/// let url = DatabaseUrl::new("postgres://me:secret@db/shop?connect_timeout=5");
/// assert_eq!(url.with_database("test"), "postgres://me:secret@db/test?connect_timeout=5");
/// assert_eq!(url.to_string(), "postgres://me:***@db/shop?connect_timeout=5");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Takes a connection string as it is; whether it can be read shows when connecting.
    pub fn new(text: impl Into<String>) -> DatabaseUrl {
        DatabaseUrl(text.into())
    }

    /// Returns the connection string, password and all.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the connection string with another database in it, password and all.
    pub fn with_database(&self, database: &str) -> String {
        match Url::split(&self.0) {
            Some(url) => url.with_database(database),
            None => pairs::with_database(&self.0, database),
        }
    }

    /// Returns the database that the string names, if it names one.
    pub fn database(&self) -> Option<String> {
        self.0
            .parse::<tokio_postgres::Config>()
            .ok()
            .and_then(|config| config.get_dbname().map(str::to_owned))
    }

    /// Returns a parameter as it is written; of several, the last, as the driver does.
    pub(crate) fn parameter(&self, key: &str) -> Option<String> {
        match Url::split(&self.0) {
            Some(url) => url.parameter(key).map(str::to_owned),
            None => pairs::parameter(&self.0, key),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match Url::split(&self.0) {
            Some(_) => url::redacted(&self.0),
            None => pairs::redacted(&self.0),
        })
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}
