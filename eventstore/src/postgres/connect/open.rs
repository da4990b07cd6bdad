//! Opening one connection at one address, plain or encrypted as `sslmode` says.

use std::error::Error as _;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

use super::connection::{Connected, Connection};
use super::error::ConnectFault;
use super::options::ConnectOptions;
use super::progress::{Observed, Progress, Stage};

/// Opens connections by a configuration that names one address.
pub(super) struct Opener<'a> {
    pub(super) config: &'a Config,
    pub(super) options: &'a ConnectOptions,
}

impl Opener<'_> {
    /// Opens an unencrypted connection.
    pub(super) async fn plain(&self) -> Result<Connected, ConnectFault> {
        let progress = Progress::begin();
        match self.config.connect(Observed { tls: NoTls, progress: progress.clone() }).await {
            Ok((client, connection)) => Ok(Connected { client, connection: Connection::plain(connection) }),
            Err(error) => Err(self.fault(error, progress.stage(), false)),
        }
    }

    /// Opens a connection that is encrypted as far as the options ask for.
    #[cfg(not(feature = "tls"))]
    pub(super) async fn by_sslmode(&self) -> Result<Connected, ConnectFault> {
        self.plain().await
    }

    /// Opens a connection that is encrypted as far as the options ask for.
    #[cfg(feature = "tls")]
    pub(super) async fn by_sslmode(&self) -> Result<Connected, ConnectFault> {
        use super::encryption::SslMode;
        use tokio_postgres::config::SslMode as DriverSslMode;
        match self.options.encryption.mode {
            SslMode::Disable => self.plain().await,
            SslMode::Allow => match self.plain().await {
                Err(refused) if is_refused_by_kind(&refused) => {
                    more_telling(refused, self.encrypted(DriverSslMode::Require).await)
                }
                other => other,
            },
            SslMode::Prefer => match self.encrypted(DriverSslMode::Prefer).await {
                Err(refused)
                    if is_refused_by_kind(&refused) || matches!(refused, ConnectFault::TlsRefused(_)) =>
                {
                    more_telling(refused, self.plain().await)
                }
                other => other,
            },
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                self.encrypted(DriverSslMode::Require).await
            }
        }
    }

    #[cfg(feature = "tls")]
    async fn encrypted(&self, mode: tokio_postgres::config::SslMode) -> Result<Connected, ConnectFault> {
        use tokio_postgres::config::{SslMode, SslNegotiation};
        let encryption = self.options.encryption.clone();
        let tls = tokio::task::spawn_blocking(move || super::tls::connector(&encryption))
            .await
            .expect("reading certificates does not panic")?;
        let mut config = self.config.clone();
        config.ssl_mode(mode);
        if self.options.encryption.direct {
            config.ssl_negotiation(SslNegotiation::Direct);
        }
        let progress = Progress::begin();
        match config.connect(Observed { tls, progress: progress.clone() }).await {
            Ok((client, connection)) => Ok(Connected { client, connection: Connection::tls(connection) }),
            Err(error) => Err(self.fault(error, progress.stage(), mode == SslMode::Require)),
        }
    }

    /// Tells what an error of the driver means, by how far the attempt came.
    fn fault(&self, error: tokio_postgres::Error, stage: Stage, tls_demanded: bool) -> ConnectFault {
        if let Some(state) = error.code().cloned() {
            return self.fault_by_state(error, &state);
        }
        match stage {
            Stage::Dialling => match into_io_error(error) {
                Ok(error) => ConnectFault::Unreachable(error),
                Err(error) => ConnectFault::Broken(error),
            },
            Stage::Handshaking => ConnectFault::TlsRefused(error),
            // What has neither an SQLSTATE nor a broken stream behind it is the driver's own judgement: of the
            // server's answer to the wish for TLS, or of the way it wants the password.
            Stage::Reached | Stage::Encrypted if is_io_error(&error) || error.is_closed() => {
                ConnectFault::Broken(error)
            }
            Stage::Reached if tls_demanded => ConnectFault::TlsNotOffered(error),
            Stage::Reached | Stage::Encrypted => self.not_let_in(error),
        }
    }

    fn fault_by_state(&self, error: tokio_postgres::Error, state: &SqlState) -> ConnectFault {
        match *state {
            SqlState::INVALID_CATALOG_NAME => ConnectFault::DatabaseMissing {
                database: self.options.database_name().unwrap_or_default().to_owned(),
                source: error,
            },
            SqlState::TOO_MANY_CONNECTIONS => ConnectFault::TooManyConnections(error),
            SqlState::CANNOT_CONNECT_NOW
            | SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => ConnectFault::NotReady(error),
            // Nothing that this driver says to a server is against the protocol; poolers use it for whatever they
            // do not take or do not have.
            SqlState::PROTOCOL_VIOLATION if self.options.is_pooled() => ConnectFault::NotReady(error),
            SqlState::PROTOCOL_VIOLATION if self.config.get_options().is_some() => {
                ConnectFault::NeedsPoolerMode(error)
            }
            _ if state.code().starts_with("28") => self.not_let_in(error),
            _ => ConnectFault::Refused(error),
        }
    }

    fn not_let_in(&self, source: tokio_postgres::Error) -> ConnectFault {
        let user = self.options.user().unwrap_or_default().to_owned();
        ConnectFault::AuthenticationFailed { user, source }
    }
}

fn is_io_error(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

fn into_io_error(error: tokio_postgres::Error) -> Result<std::io::Error, tokio_postgres::Error> {
    if !is_io_error(&error) {
        return Err(error);
    }
    let source = error.into_source().expect("it was looked at just now");
    Ok(source.downcast::<std::io::Error>().map_or_else(std::io::Error::other, |error| *error))
}

/// True where `pg_hba.conf` has no line for this kind of connection and may have one for the other.
#[cfg(feature = "tls")]
fn is_refused_by_kind(fault: &ConnectFault) -> bool {
    match fault {
        ConnectFault::AuthenticationFailed { source, .. } => {
            source.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
        }
        _ => false,
    }
}

/// Prefers the second attempt's outcome, unless it only says that this kind is not wanted either.
#[cfg(feature = "tls")]
fn more_telling(
    first: ConnectFault,
    second: Result<Connected, ConnectFault>,
) -> Result<Connected, ConnectFault> {
    match second {
        Err(fault) if is_refused_by_kind(&fault) || matches!(fault, ConnectFault::TlsNotOffered(_)) => {
            Err(first)
        }
        other => other,
    }
}
