//! Where PostgreSQL is, and how to reach it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;

use super::conninfo::Pairs;
use super::driver::{driver_config, nonzero, take_number};
use super::encryption::Encryption;
use super::endpoint::{Endpoint, Host};
use super::error::InvalidConnectOptions;
use super::passfile;
use super::session::SessionTarget;

/// How long one host may take to answer, unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where PostgreSQL is, who asks, and how the connection is to be kept.
///
/// Read from a URL or from libpq's `key=value` pairs; the options are libpq's, with libpq's meaning:
///
/// - `host`, `hostaddr`, `port`: several, separated by commas, are tried in order (`load_balance_hosts=random`:
///   in any order). Without a host the local server's socket is used, else `localhost`.
/// - `user`, `password`, `dbname`. Where no password is given, `PGPASSWORD`, then the password file
///   (`passfile`, else `PGPASSFILE`, else `~/.pgpass`) is asked, for each host anew.
/// - `sslmode` (`prefer` unless said otherwise), `sslrootcert=PATH|system`, `sslnegotiation`,
///   `channel_binding`. `require` and above need the feature `tls`; Unix sockets are never encrypted.
/// - `target_session_attrs`, such as `read-write`, picks among the hosts.
/// - `connect_timeout` in seconds for each address, 10 unless said otherwise, 0 for none;
///   `tcp_user_timeout` in **milliseconds**, 10 000 unless said otherwise, 0 for the system's;
///   `keepalives` on, first after `keepalives_idle` = 30 s.
/// - `application_name` (`annals` unless said otherwise), `options`.
/// - `pooler`, the one option that libpq does not have: `transaction` where a pooler in transaction mode stands
///   before the server (see [`ConnectOptions::behind_pooler`]); `none` and `session` change nothing.
///
/// `Debug` and `Display` leave the password out.
///
/// # Errors
///
/// [`ConnectOptions::parse`] refuses with [`InvalidConnectOptions`] what it cannot serve, rather than
/// connect in another way than asked.
///
/// # Examples
///
/// ```
/// # use annals_eventstore::postgres::ConnectOptions;
/// let options: ConnectOptions =
///     "postgres://ann:secret@db1:5432,db2/shop?target_session_attrs=read-write".parse()?;
/// assert_eq!(options.to_string(), "postgres://ann:***@db1:5432,db2:5432/shop?sslmode=prefer");
/// # Ok::<(), annals_eventstore::postgres::InvalidConnectOptions>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) shuffled: bool,
    pub(super) session: SessionTarget,
    pub(super) encryption: Encryption,
    pub(super) connect_timeout: Option<Duration>,
    passfile: Option<PathBuf>,
    pooled: bool,
    /// Everything but the hosts and the password file.
    driver: Config,
}

impl ConnectOptions {
    /// Reads a URL or a list of `key=value`.
    ///
    /// # Errors
    ///
    /// [`InvalidConnectOptions`] says what is wrong, without repeating the password.
    pub fn parse(text: &str) -> Result<Self, InvalidConnectOptions> {
        let mut pairs = Pairs::parse(text)?;
        let (hosts, addresses, ports) = (pairs.take("host"), pairs.take("hostaddr"), pairs.take("port"));
        let endpoints = Endpoint::list(hosts.as_deref(), addresses.as_deref(), ports.as_deref())?;
        let shuffled = match pairs.take("load_balance_hosts").as_deref() {
            None | Some("disable") => false,
            Some("random") => true,
            Some(_) => return Err(InvalidConnectOptions::value("load_balance_hosts", "disable or random")),
        };
        Ok(Self {
            endpoints,
            shuffled,
            session: SessionTarget::take(&mut pairs)?,
            encryption: Encryption::take(&mut pairs)?,
            connect_timeout: take_number(&mut pairs, "connect_timeout")?
                .map_or(Some(CONNECT_TIMEOUT), |seconds| nonzero(Duration::from_secs(seconds))),
            passfile: pairs.take("passfile").map(PathBuf::from),
            pooled: match pairs.take("pooler").as_deref() {
                None | Some("none" | "session") => false,
                Some("transaction") => true,
                Some(_) => {
                    return Err(InvalidConnectOptions::value("pooler", "none, session or transaction"));
                }
            },
            driver: driver_config(pairs)?,
        })
    }

    /// Reads the environment variable `DATABASE_URL`.
    ///
    /// # Errors
    ///
    /// [`InvalidConnectOptions::Unset`] when there is none, else as [`ConnectOptions::parse`].
    pub fn from_env() -> Result<Self, InvalidConnectOptions> {
        const VARIABLE: &str = "DATABASE_URL";
        match std::env::var(VARIABLE) {
            Ok(url) if !url.trim().is_empty() => Self::parse(&url),
            Ok(_) | Err(std::env::VarError::NotPresent) => {
                Err(InvalidConnectOptions::Unset { variable: VARIABLE })
            }
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(InvalidConnectOptions::Malformed { reason: "it is not UTF-8" })
            }
        }
    }

    /// Sets the database.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.driver.dbname(name);
        self
    }

    /// Sets the name that `pg_stat_activity` shows.
    #[must_use]
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.driver.application_name(name);
        self
    }

    /// Sets how long one address may take to answer; `None` for as long as it likes.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long sent data may stay unacknowledged before the connection counts as lost.
    #[must_use]
    pub fn tcp_user_timeout(mut self, timeout: Duration) -> Self {
        self.driver.tcp_user_timeout(timeout);
        self
    }

    /// Sets a server setting for the whole session, such as `lock_timeout`; a later one of the same name
    /// counts. A server that does not know the setting refuses the connection.
    #[must_use]
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        let mut options = self.driver.get_options().unwrap_or_default().trim_end().to_owned();
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str("-c ");
        push_escaped(&mut options, name);
        options.push('=');
        push_escaped(&mut options, value);
        self.driver.options(options);
        self
    }

    /// Says that a pooler in transaction mode stands before the server, as `pooler=transaction` does.
    ///
    /// A store then sends no named statement and no setting of a session, and every transaction of its own says its
    /// isolation level: one round trip for each append and read all the same. LISTEN does not work there, so give
    /// [`StoreConfig::listen`](crate::postgres::StoreConfig::listen), or readers poll.
    #[must_use]
    pub fn behind_pooler(self, pooled: bool) -> Self {
        Self { pooled, ..self }
    }

    /// True where a pooler in transaction mode stands before the server.
    pub fn is_pooled(&self) -> bool {
        self.pooled
    }

    /// Returns the options as a URL without the password, fit for a log.
    pub fn display_redacted(&self) -> String {
        self.to_string()
    }

    /// Returns the database; the user's name where none is given, as the server does.
    pub fn database_name(&self) -> Option<&str> {
        self.driver.get_dbname().or(self.driver.get_user())
    }

    /// Returns the user, where one is known.
    pub fn user(&self) -> Option<&str> {
        self.driver.get_user()
    }

    /// What is told to the driver, hosts and password left out.
    pub(super) fn driver(&self) -> &Config {
        &self.driver
    }

    /// The file to look the password up in; none where a password is given.
    pub(super) fn passfile(&self) -> Option<PathBuf> {
        match (self.driver.get_password(), &self.passfile) {
            (Some(_), _) => None,
            (None, Some(path)) => Some(path.clone()),
            (None, None) => passfile::default_path(),
        }
    }
}

/// The server splits `options` at blanks and takes the character behind a `\` as it is.
fn push_escaped(options: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_ascii_whitespace() || matches!(character, '\\' | '\u{b}') {
            options.push('\\');
        }
        options.push(character);
    }
}

impl FromStr for ConnectOptions {
    type Err = InvalidConnectOptions;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = self.driver.get_user() {
            let password = if self.driver.get_password().is_some() { ":***" } else { "" };
            write!(f, "{user}{password}@")?;
        }
        let mut sockets = Vec::new();
        let mut comma = "";
        for endpoint in &self.endpoints {
            match &endpoint.host {
                Host::Socket(directory) => {
                    sockets.push(format!("host={}&port={}", directory.display(), endpoint.port));
                }
                Host::Local | Host::Name(_) => {
                    write!(f, "{comma}{endpoint}")?;
                    comma = ",";
                }
            }
        }
        write!(f, "/{}?", self.database_name().unwrap_or_default())?;
        for socket in sockets {
            write!(f, "{socket}&")?;
        }
        write!(f, "sslmode={}", self.encryption.mode.as_str())
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectOptions").field(&self.display_redacted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ConnectOptions {
        ConnectOptions::parse(text).unwrap()
    }

    #[test]
    fn a_url_and_its_words_give_the_same_options() {
        assert_eq!(
            parse("postgres://ann:secret@one:1,two:2/shop?connect_timeout=3"),
            parse("host=one,two port=1,2 user=ann password=secret dbname=shop connect_timeout=3")
        );
    }

    #[test]
    fn what_is_not_said_has_a_careful_default() {
        let options = parse("postgres://ann@one");
        assert_eq!(options.connect_timeout, Some(Duration::from_secs(10)));
        assert_eq!(options.driver.get_tcp_user_timeout(), Some(&Duration::from_secs(10)));
        assert!(options.driver.get_keepalives());
        assert_eq!(options.driver.get_keepalives_idle(), Duration::from_secs(30));
        assert_eq!(options.driver.get_application_name(), Some("annals"));
        assert_eq!(options.database_name(), Some("ann"));
    }

    #[test]
    fn numbers_mean_what_they_mean_to_libpq() {
        let options = parse("user=ann connect_timeout=0 tcp_user_timeout=2500 keepalives_count=7");
        assert_eq!(options.connect_timeout, None);
        assert_eq!(options.driver.get_tcp_user_timeout(), Some(&Duration::from_millis(2500)));
        assert_eq!(options.driver.get_keepalives_retries(), Some(7));
        assert_eq!(parse("tcp_user_timeout=0").driver.get_tcp_user_timeout(), None);
    }

    #[test]
    fn settings_are_escaped_for_the_server() {
        let options =
            parse("options='-c geqo=off'").with_setting("search_path", r"a b\c").with_setting("x.y", "");
        assert_eq!(options.driver.get_options(), Some(r"-c geqo=off -c search_path=a\ b\\c -c x.y="));
    }

    #[test]
    fn the_password_is_shown_nowhere() {
        for text in [
            "postgres://ann:secret@one/shop",
            "user=ann password=secret host=one dbname=shop",
            "postgres://one/shop?user=ann&password=secret",
        ] {
            let options = parse(text).application_name("x").database("shop");
            assert_eq!(options.driver.get_password(), Some("secret".as_bytes()), "{text}");
            assert_eq!(options.to_string(), "postgres://ann:***@one:5432/shop?sslmode=prefer");
            assert!(!format!("{options:?}{options:#?}").contains("secret"));
        }
    }

    #[test]
    fn sockets_are_shown_as_they_can_be_typed() {
        let shown = parse("postgres://ann@/shop?host=/run/pg&port=5433").to_string();
        assert_eq!(shown, "postgres://ann@/shop?host=/run/pg&port=5433&sslmode=prefer");
        assert_eq!(parse(&shown), parse("host=/run/pg port=5433 user=ann dbname=shop"));
    }

    #[test]
    fn a_refusal_names_the_option_and_never_the_password() {
        for (text, said) in [
            ("postgres://ann:secret@one?sslmode=secret", "connection option `sslmode` takes"),
            ("postgres://ann:secret@one?keepalives=secret", "connection option `keepalives` takes 0 or 1"),
            ("postgres://ann:secret@one:secret", "connection option `port` takes"),
            ("postgres://ann:secret@one?sslcert=secret", "connection option `sslcert` is not supported"),
            ("sslmod=secret", "connection string has an unknown option `sslmod`"),
            ("password=se secret=cret", "connection string has an unknown option behind the password"),
            ("host=one,two port=1,2,3 password=secret", "`host`, `hostaddr` and `port` must be lists"),
        ] {
            let refused = ConnectOptions::parse(text).expect_err(text).to_string();
            assert!(refused.starts_with(said), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_password_file_is_asked_only_where_no_password_is_given() {
        assert_eq!(parse("passfile=/a password=b").passfile(), None);
        assert_eq!(parse("passfile=/a").passfile(), Some(PathBuf::from("/a")));
    }
}
