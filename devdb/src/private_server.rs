//! A server of one test or benchmark: its own folder, settings and lifetime.
//!
//! ```text
//! running --stop/kill--> down --start--> running
//! ```
//!
//! Guarantees
//! - it is stopped when the value is dropped, also by a panic;
//! - it is stopped when the process ends without that, however it ends.
//!
//! Leaves to others: removing the folder, which is the caller's.

use std::path::PathBuf;

use crate::{
    base, binaries::Binaries, cluster, environment::Environment, guard::Guard, home::Home, launch::Launch,
    lock, postmaster, process::Signal, profile::Profile, search, server::Server, standby, start,
    start_error::StartError, stop_error::StopError,
};

/// A server of the caller's own, made with [`Server::private`].
///
/// For what one cannot do to a shared server: settings, crashes, restarts. The data folder is made if it is
/// missing and stays when the value is dropped; a server started in it again goes on with its data.
#[derive(Debug)]
pub struct PrivateServer {
    server: Server,
    home: Home,
    profile: Profile,
    binaries: Binaries,
    settings: Vec<(String, String)>,
    guard: Option<Guard>,
}

impl Server {
    /// Starts a server of the caller's own, in a folder and with settings of the caller's own.
    ///
    /// See [`PrivateServer`]. `DATABASE_URL` plays no part in it, `ANNALS_PG` does.
    ///
    /// # Errors
    ///
    /// As [`Server::shared`].
    pub async fn private(
        profile: Profile,
        folder: impl Into<PathBuf>,
        settings: &[(&str, &str)],
    ) -> Result<PrivateServer, StartError> {
        PrivateServer::start_in(profile, folder.into(), settings, &Environment::read()).await
    }
}

impl PrivateServer {
    async fn start_in(
        profile: Profile,
        folder: PathBuf,
        settings: &[(&str, &str)],
        environment: &Environment,
    ) -> Result<PrivateServer, StartError> {
        let settings = owned(settings);
        let environment = environment.clone();
        tokio::task::spawn_blocking(move || {
            let launch = Launch::of_this_process()?;
            let binaries = search::find(&environment.choice, &base::usable(&environment, launch)?, launch)?;
            let home = Home::at(std::path::absolute(&folder).unwrap_or(folder));
            let server = start_again(profile, &home, &binaries, &settings)?;
            let guard = server.pid().and_then(Guard::over);
            Ok(PrivateServer { server, home, profile, binaries, settings, guard })
        })
        .await?
    }

    /// Returns the server, to connect to and make databases on.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns the URL of a database on this server; it stays the same over a restart.
    pub fn url(&self, database: &str) -> String {
        self.server.url(database)
    }

    /// Returns the process id of the postmaster, while it lives.
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Replaces the settings; they count from the next [`start`](PrivateServer::start).
    pub fn configure(&mut self, settings: &[(&str, &str)]) {
        self.settings = owned(settings);
    }

    /// Starts a hot standby of this server in another folder: a base backup that follows it.
    ///
    /// # Errors
    ///
    /// As [`Server::shared`]; [`StartError::BaseBackup`] with what the program printed.
    pub async fn standby(&self, folder: impl Into<PathBuf>) -> Result<PrivateServer, StartError> {
        let (folder, profile, settings) = (folder.into(), self.profile, self.settings.clone());
        let (binaries, primary) = (self.binaries.clone(), self.url("postgres"));
        tokio::task::spawn_blocking(move || {
            let launch = Launch::of_this_process()?;
            let home = Home::at(std::path::absolute(&folder).unwrap_or(folder));
            home.prepare(launch)?;
            standby::copy(&home, &binaries, &primary, launch)?;
            let server = start_again(profile, &home, &binaries, &settings)?;
            let guard = server.pid().and_then(Guard::over);
            Ok(PrivateServer { server, home, profile, binaries, settings, guard })
        })
        .await?
    }

    /// Starts the server again after [`stop`](PrivateServer::stop) or [`kill`](PrivateServer::kill).
    ///
    /// # Errors
    ///
    /// As [`Server::shared`].
    pub async fn start(&mut self) -> Result<(), StartError> {
        let (profile, home) = (self.profile, self.home.clone());
        let (binaries, settings) = (self.binaries.clone(), self.settings.clone());
        self.server =
            tokio::task::spawn_blocking(move || start_again(profile, &home, &binaries, &settings)).await??;
        self.guard = self.server.pid().and_then(Guard::over);
        Ok(())
    }

    /// Stops the server in an orderly way and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`StopError::StillRunning`] when it does not go.
    pub async fn stop(&mut self) -> Result<(), StopError> {
        self.end(Signal::Interrupt).await
    }

    /// Kills the server as a crash would (`SIGKILL`) and waits until it is gone.
    ///
    /// # Errors
    ///
    /// [`StopError::StillRunning`] when it does not go.
    pub async fn kill(&mut self) -> Result<(), StopError> {
        self.end(Signal::Kill).await
    }

    async fn end(&mut self, signal: Signal) -> Result<(), StopError> {
        let home = self.home.clone();
        // First: it would send its signal to whoever has the process id then.
        self.guard = None;
        match tokio::task::spawn_blocking(move || postmaster::stop(&home, signal)).await {
            Ok(stopped) => stopped.map(|_| ()),
            Err(abandoned) => std::panic::resume_unwind(abandoned.into_panic()),
        }
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.guard = None;
        // Nobody is left to hear that it would not go.
        let _ = postmaster::stop(&self.home, Signal::Interrupt);
    }
}

fn start_again(
    profile: Profile,
    home: &Home,
    binaries: &Binaries,
    settings: &[(String, String)],
) -> Result<Server, StartError> {
    let launch = Launch::of_this_process()?;
    home.prepare(launch)?;
    let _lock = lock::wait(&home.lock())?;
    // One left behind by a process that was killed: it may have other settings.
    postmaster::stop(home, Signal::Interrupt)?;
    cluster::initialize(home, binaries, profile, launch)?;
    // The last one of a name counts.
    let own = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let all: Vec<(&str, &str)> = profile.settings().iter().copied().chain(own).collect();
    let running = start::start(home, binaries, &all, launch)?;
    let binaries = Binaries::new(binaries.folder().to_owned(), running.version);
    Ok(Server::own(home.clone(), running.socket, binaries))
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
