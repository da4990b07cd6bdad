//! What servers of ours there are; stopping them, throwing their data away.
//!
//! Blocking calls, for command lines; the server of a `DATABASE_URL` is never touched.
//!
//! Guarantees
//! - only a live `postgres` of the very data folder is ever sent a signal;
//! - nobody starts a server while it is stopped or thrown away here.

use std::{fs, io, path::PathBuf};

use crate::{
    base,
    database_url::url,
    environment::Environment,
    home::Home,
    lock, postmaster,
    probe::{self, Answer, MAINTENANCE, USER},
    process::Signal,
    profile::Profile,
    record::Record,
    stop_error::StopError,
    version::PostgresVersion,
};

/// How a server of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// Takes connections.
    Running,
    /// Lives, but starts up, recovers or shuts down.
    Busy,
    /// Its data is there, the server is not.
    Stopped,
}

/// A server of ours, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStatus {
    /// What it is for.
    pub profile: Profile,
    /// How it is.
    pub state: ServerState,
    /// The version that last ran on the data; `None` when it never ran.
    pub version: Option<PostgresVersion>,
    /// The postmaster, while it lives.
    pub pid: Option<u32>,
    /// The URL of the maintenance database, while it takes connections.
    pub url: Option<String>,
    /// The server's folder: data, log, record.
    pub folder: PathBuf,
    /// The log file.
    pub log: PathBuf,
    /// The folder of the programs that it was last started from.
    pub binaries: Option<PathBuf>,
}

/// Lists the servers of ours: of one profile, or of both.
pub fn status(environment: &Environment, profile: Option<Profile>) -> Vec<ServerStatus> {
    homes(environment, profile).into_iter().map(|(profile, home)| look(profile, &home)).collect()
}

/// Stops the servers of one profile, or of both, and returns how those are that were running.
///
/// # Errors
///
/// [`StopError`] of the first that does not stop; the rest is left alone.
pub fn stop(environment: &Environment, profile: Option<Profile>) -> Result<Vec<ServerStatus>, StopError> {
    let mut stopped = Vec::new();
    for (profile, home) in homes(environment, profile) {
        let _lock = locked(&home)?;
        if postmaster::stop(&home, Signal::Interrupt)? {
            stopped.push(look(profile, &home));
        }
    }
    Ok(stopped)
}

/// Stops the servers of one profile, or of both, removes their data and logs, and returns what they were.
///
/// The wheel stays in the cache.
///
/// # Errors
///
/// [`StopError`] of the first that does not stop or cannot be removed; the rest is left alone.
pub fn reset(environment: &Environment, profile: Option<Profile>) -> Result<Vec<ServerStatus>, StopError> {
    let mut removed = Vec::new();
    for (profile, home) in homes(environment, profile) {
        // The folder and the lock file in it stay: somebody may be waiting for the lock.
        let _lock = locked(&home)?;
        let before = look(profile, &home);
        postmaster::stop(&home, Signal::Interrupt)?;
        for path in [home.data(), home.record(), home.log(), home.unfinished(), home.swept()] {
            remove(&path).map_err(|source| StopError::Remove { path, source })?;
        }
        removed.push(before);
    }
    Ok(removed)
}

fn homes(environment: &Environment, profile: Option<Profile>) -> Vec<(Profile, Home)> {
    let bases = base::existing(environment);
    let profiles = Profile::ALL.into_iter().filter(|each| profile.is_none_or(|wanted| wanted == *each));
    let all = profiles.flat_map(|profile| {
        bases.iter().flat_map(move |base| Home::all(base, profile)).map(move |home| (profile, home))
    });
    all.filter(|(_, home)| home.data().exists()).collect()
}

fn look(profile: Profile, home: &Home) -> ServerStatus {
    let record = Record::read(home);
    let pid = postmaster::living(home);
    let socket = postmaster::socket_folder(home);
    let answer = socket.as_deref().map_or(Answer::Silent, probe::ask);
    let state = match (answer, pid) {
        (Answer::Ready(_), _) => ServerState::Running,
        (Answer::Busy, _) | (Answer::Silent, Some(_)) => ServerState::Busy,
        (Answer::Silent, None) => ServerState::Stopped,
    };
    let url = |socket: PathBuf| url::through_socket(USER, &socket, MAINTENANCE);
    ServerStatus {
        profile,
        state,
        version: record.as_ref().map(|record| record.version),
        pid,
        url: socket.filter(|_| state == ServerState::Running).map(url),
        folder: home.folder().to_owned(),
        log: home.log(),
        binaries: record.map(|record| record.folder),
    }
}

fn locked(home: &Home) -> Result<lock::Lock, StopError> {
    lock::wait(&home.lock()).map_err(|error| StopError::Lock { path: home.lock(), reason: error.to_string() })
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
