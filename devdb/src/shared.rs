//! The shared server of a profile, looked for once per process.
//!
//! ```text
//! known to this process and alive? -> DATABASE_URL? -> ours, found or started
//! ```
//!
//! Guarantees
//! - the tests of one process wait for one answer, and get the same server.
//!
//! Leaves to others: the server of `DATABASE_URL` (`external`), ours (`own`).

use std::{collections::HashMap, sync::LazyLock};

use tokio::sync::Mutex;

use crate::{
    announce, environment::Environment, external, own, profile::Profile, server::Server,
    start_error::StartError,
};

type Known = Mutex<HashMap<(Profile, Environment), Server>>;

impl Server {
    /// Returns the server of a profile that all processes of this user share, and starts it if need be.
    ///
    /// Takes about 3 ms while the server runs, half a second to start one from nothing. A second call in the same
    /// process only looks whether the server still lives.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what was tried and what to type.
    pub async fn shared(profile: Profile) -> Result<Server, StartError> {
        server(profile, &Environment::read()).await
    }

    /// Returns the shared server of another environment than the process's own.
    ///
    /// # Errors
    ///
    /// As [`Server::shared`].
    pub async fn shared_in(profile: Profile, environment: &Environment) -> Result<Server, StartError> {
        server(profile, environment).await
    }
}

async fn server(profile: Profile, environment: &Environment) -> Result<Server, StartError> {
    static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);
    let key = (profile, environment.clone());
    // Held while starting, so that the tests of one process wait for one start.
    let mut known = KNOWN.lock().await;
    if let Some(server) = known.get(&key)
        && server.is_there()
    {
        return Ok(server.clone());
    }
    let server = match &environment.database_url {
        Some(url) => {
            announce::note(&format!("using DATABASE_URL ({url})"));
            external::server(url).await?
        }
        None => {
            let environment = environment.clone();
            tokio::task::spawn_blocking(move || own::find_or_start(profile, &environment)).await??
        }
    };
    known.insert(key, server.clone());
    Ok(server)
}
