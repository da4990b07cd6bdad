//! Why there is no connection: a connection string that is refused, or a server that is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why a connection string is refused. Nothing was dialled. The text never repeats a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConnectOptions {
    /// The environment variable is not set, or empty.
    #[error("environment variable {variable} is not set")]
    Unset {
        /// Its name.
        variable: &'static str,
    },
    /// The text is neither a URL nor a list of `key=value`.
    #[error("connection string cannot be read: {reason}")]
    Malformed {
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// There is no such option.
    #[error("connection string has an unknown option `{option}`")]
    UnknownOption {
        /// Its name.
        option: String,
    },
    /// There is no such option, and its name may be a piece of the password.
    #[error("connection string has an unknown option behind the password; a value with blanks stands in '…'")]
    UnknownOptionAfterPassword,
    /// libpq knows the option, Annals does not serve it.
    #[error("connection option `{option}` is not supported")]
    Unsupported {
        /// Its name.
        option: String,
    },
    /// The value is none of those the option takes.
    #[error("connection option `{option}` takes {takes}")]
    Value {
        /// Its name.
        option: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// There are not as many ports or addresses as hosts.
    #[error("`host`, `hostaddr` and `port` must be lists of one length (a single port serves all hosts)")]
    UnevenLists,
    /// The mode of encryption makes the other option pointless.
    #[error("sslmode={mode} is too weak for {option}; at least {least} is needed")]
    WeakMode {
        /// The mode given.
        mode: &'static str,
        /// The other option.
        option: &'static str,
        /// The weakest mode it takes.
        least: &'static str,
    },
    /// Encryption is demanded of a build that cannot encrypt.
    #[error(
        "sslmode={mode} needs TLS, which this program was built without; enable the feature `tls` of annals"
    )]
    TlsNotBuiltIn {
        /// The mode given.
        mode: &'static str,
    },
}

impl InvalidConnectOptions {
    pub(super) fn value(option: &'static str, takes: &'static str) -> Self {
        Self::Value { option, takes }
    }
}

/// Why no connection came about. Nothing was written.
///
/// Where several hosts or addresses were tried, this is about the last one; the others stand in
/// [`ConnectError::earlier`].
#[derive(Debug)]
pub struct ConnectError {
    /// The host and port, or the socket, that was tried.
    pub endpoint: String,
    /// What went wrong there.
    pub fault: ConnectFault,
    /// What went wrong before at other hosts or addresses, in the order they were tried.
    pub earlier: Vec<ConnectError>,
}

/// What went wrong at one host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFault {
    /// Nobody answers there, or the host's name is unknown. Is the server running?
    #[error("server cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// There was no answer in time (`connect_timeout`).
    #[error("server did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The server is starting, stopping or recovering. Try again soon.
    #[error("server takes no connections now")]
    NotReady(#[source] tokio_postgres::Error),
    /// All connections of the server, database or role are taken. Try again, or use fewer.
    #[error("server has no connection left")]
    TooManyConnections(#[source] tokio_postgres::Error),
    /// The server is not of the kind that `target_session_attrs` asks for.
    #[error("server is not what target_session_attrs={wanted} asks for")]
    WrongSession {
        /// The kind asked for.
        wanted: &'static str,
    },
    /// User or password are wrong or missing, or `pg_hba.conf` lets nobody in this way.
    #[error("user {user} is not let in")]
    AuthenticationFailed {
        /// The user, where one was given.
        user: String,
        /// What the server or the driver said.
        source: tokio_postgres::Error,
    },
    /// The server has no such database.
    #[error("database {database} does not exist")]
    DatabaseMissing {
        /// Its name.
        database: String,
        /// What the server said.
        source: tokio_postgres::Error,
    },
    /// The server does not encrypt and `sslmode` demands it.
    #[error("server does not offer TLS")]
    TlsNotOffered(#[source] tokio_postgres::Error),
    /// The handshake failed; most often the server's certificate is not one `sslrootcert` vouches for, or
    /// names another host.
    #[error("no TLS connection could be agreed on")]
    TlsRefused(#[source] tokio_postgres::Error),
    /// The root certificates cannot be used.
    #[error("root certificates {} cannot be used", .path.display())]
    RootCertificates {
        /// The file (`sslrootcert`), or the system's store.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection broke while it was being set up.
    #[error("connection broke before it was ready")]
    Broken(#[source] tokio_postgres::Error),
    /// What answers takes no settings of a session, and so is a pooler. Turn the pooler mode on:
    /// `pooler=transaction` in the connection string.
    #[error("a pooler refused the settings of the session; turn the pooler mode on (pooler=transaction)")]
    NeedsPoolerMode(#[source] tokio_postgres::Error),
    /// The server refused for another reason, an unknown setting for example.
    #[error("server refused the connection")]
    Refused(#[source] tokio_postgres::Error),
}

impl ConnectFault {
    /// True where waiting may help: the same attempt can succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::NotReady(_)
            | Self::TooManyConnections(_)
            | Self::WrongSession { .. }
            | Self::Broken(_) => true,
            Self::AuthenticationFailed { .. }
            | Self::DatabaseMissing { .. }
            | Self::TlsNotOffered(_)
            | Self::TlsRefused(_)
            | Self::RootCertificates { .. }
            | Self::NeedsPoolerMode(_)
            | Self::Refused(_) => false,
        }
    }

    /// True where the server itself said no, so that another host would only say the same.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::AuthenticationFailed { .. }
                | Self::DatabaseMissing { .. }
                | Self::NeedsPoolerMode(_)
                | Self::Refused(_)
        )
    }
}

impl ConnectError {
    /// True where waiting may help: the same attempt can succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        self.fault.is_transient() || self.earlier.iter().any(Self::is_transient)
    }

    /// Finds the error behind one that a [`super::pool`] handed out when it failed to connect.
    pub fn behind(error: &tokio_postgres::Error) -> Option<&Self> {
        let source = std::error::Error::source(error)?;
        source.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref()
    }

    /// Takes the error out of one that a [`super::pool`] handed out when it failed to connect.
    ///
    /// # Errors
    ///
    /// The driver's error itself, when it is about something else.
    #[expect(clippy::missing_panics_doc, reason = "only what was found is taken out")]
    pub fn out_of(error: tokio_postgres::Error) -> Result<Self, tokio_postgres::Error> {
        if Self::behind(&error).is_none() {
            return Err(error);
        }
        let io_error = error.into_source().and_then(|source| source.downcast::<std::io::Error>().ok());
        let cause = io_error.and_then(|error| error.into_inner()).and_then(|cause| cause.downcast().ok());
        Ok(*cause.expect("it was found just now"))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot connect to {}: {}", self.endpoint, self.fault)?;
        for earlier in &self.earlier {
            write!(f, "; before, {}: {}", earlier.endpoint, earlier.fault)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.fault)
    }
}
