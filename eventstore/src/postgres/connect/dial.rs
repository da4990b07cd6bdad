//! Dialling: one host after the other, each address by itself, until one gives a session of the right kind.
//!
//! Guarantees
//! - hosts are tried in their order; a host that is down, full or of the wrong kind hands over to the next, one
//!   that refuses the user or the database ends the search, as in libpq;
//! - `connect_timeout` bounds the whole attempt at one address, the handshake and the log-in included;
//! - the password file is read anew for every call.
//!
//! Leaves to others: driving the connection, trying again later.

use std::future::Future;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode as DriverSslMode;

use super::connection::Connected;
use super::endpoint::{Endpoint, Target};
use super::error::{ConnectError, ConnectFault};
use super::open::Opener;
use super::options::ConnectOptions;
use super::passfile::{Passfile, Wanted};
use super::session::SessionTarget;

/// Opens a connection to the first host that serves.
pub(super) async fn dial(options: &ConnectOptions) -> Result<Connected, ConnectError> {
    let password = Password::of(options).await;
    let mut endpoints = options.endpoints.clone();
    if options.shuffled {
        fastrand::shuffle(&mut endpoints);
    }
    let mut failures = Vec::new();
    for &wanted in options.session.rounds() {
        for endpoint in &endpoints {
            let attempt = Attempt { options, password: &password, endpoint, wanted };
            match attempt.run(&mut failures).await {
                Some(connected) => return Ok(connected),
                None if failures.last().is_some_and(|failure| failure.fault.is_final()) => {
                    return Err(sum_up(failures));
                }
                None => {}
            }
        }
    }
    Err(sum_up(failures))
}

/// The last failure tells; the others stand behind it.
fn sum_up(mut failures: Vec<ConnectError>) -> ConnectError {
    let mut last = failures.pop().expect("there is at least one host, and it failed");
    last.earlier = failures;
    last
}

/// One host, to be asked for one kind of session.
struct Attempt<'a> {
    options: &'a ConnectOptions,
    password: &'a Password,
    endpoint: &'a Endpoint,
    wanted: SessionTarget,
}

impl Attempt<'_> {
    /// Tries every address of the host; what goes wrong is added to the failures.
    async fn run(&self, failures: &mut Vec<ConnectError>) -> Option<Connected> {
        let looked_up =
            self.in_time(async { self.endpoint.targets().await.map_err(ConnectFault::Unreachable) });
        let mut targets = match looked_up.await {
            Ok(targets) => targets,
            Err(fault) => {
                failures.push(ConnectError {
                    endpoint: self.endpoint.to_string(),
                    fault,
                    earlier: Vec::new(),
                });
                return None;
            }
        };
        if self.options.shuffled {
            fastrand::shuffle(&mut targets);
        }
        for target in targets {
            match self.in_time(self.open(&target)).await {
                Ok(connected) => return Some(connected),
                Err(fault) => {
                    let last = fault.is_final();
                    failures.push(ConnectError { endpoint: target.to_string(), fault, earlier: Vec::new() });
                    if last {
                        return None;
                    }
                }
            }
        }
        None
    }

    async fn open(&self, target: &Target) -> Result<Connected, ConnectFault> {
        let config = self.config(target);
        let opener = Opener { config: &config, options: self.options };
        let mut connected = match target {
            Target::Socket { .. } => opener.plain().await?,
            Target::Tcp { .. } => opener.by_sslmode().await?,
        };
        match self.wanted.accepts(&mut connected).await {
            Ok(true) => Ok(connected),
            Ok(false) => Err(ConnectFault::WrongSession { wanted: self.options.session.as_str() }),
            Err(error) => Err(ConnectFault::Broken(error)),
        }
    }

    fn config(&self, target: &Target) -> Config {
        let mut config = self.options.driver().clone();
        config.ssl_mode(DriverSslMode::Disable);
        match target {
            Target::Socket { directory, port } => config.host_path(directory).port(*port),
            Target::Tcp { host, address, port } => config.host(host).hostaddr(*address).port(*port),
        };
        if let Some(timeout) = self.options.connect_timeout {
            // For the connections by which the driver cancels a query.
            config.connect_timeout(timeout);
        }
        if let Some(password) = self.password.at(self.endpoint, self.options) {
            config.password(password);
        }
        config
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ConnectFault>>,
    ) -> Result<T, ConnectFault> {
        match self.options.connect_timeout {
            None => work.await,
            Some(timeout) => {
                tokio::time::timeout(timeout, work).await.unwrap_or(Err(ConnectFault::TimedOut(timeout)))
            }
        }
    }
}

/// Where the password comes from.
enum Password {
    /// The connection string, or nowhere.
    Given,
    /// `PGPASSWORD`, for every host.
    Everywhere(String),
    /// The password file, by host.
    File(Passfile),
}

impl Password {
    async fn of(options: &ConnectOptions) -> Self {
        let Some(path) = options.passfile() else { return Self::Given };
        match std::env::var("PGPASSWORD") {
            Ok(password) if !password.is_empty() => Self::Everywhere(password),
            _ => {
                let read = tokio::task::spawn_blocking(move || Passfile::read(&path));
                read.await.map_or(Self::Given, Self::File)
            }
        }
    }

    fn at(&self, endpoint: &Endpoint, options: &ConnectOptions) -> Option<String> {
        match self {
            Self::Given => None,
            Self::Everywhere(password) => Some(password.clone()),
            Self::File(passfile) => passfile.password(&Wanted {
                hosts: &endpoint.passfile_names(),
                port: endpoint.port,
                database: options.database_name()?,
                user: options.user()?,
            }),
        }
    }
}
