//! Connections of the driver, for the statements that make and drop databases.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Config, NoTls, error::SqlState};

use crate::{database_error::DatabaseError, database_url::DatabaseUrl, probe::MAINTENANCE, server::Server};

/// How long to try again while a server restarts after a crash or has no connection to spare.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connects to a database.
pub(crate) async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config: Config = url.parse()?;
    if config.get_application_name().is_none() {
        config.application_name("annals-devdb");
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match config.connect(NoTls).await {
            Ok((client, connection)) => {
                // Ends with the client; its errors come back from the client's calls.
                tokio::spawn(connection);
                return Ok(client);
            }
            Err(error) if is_passing(&error) && Instant::now() < deadline => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Connects to the database from which others are made and dropped.
///
/// That is `postgres`; where `DATABASE_URL` may not connect to it, the URL's own database.
pub(crate) async fn maintenance(server: &Server) -> Result<Client, DatabaseError> {
    let usual = server.url(MAINTENANCE);
    let own = server.own_url();
    let source = match connect(&usual).await {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    let is_barred = source.code().is_some_and(|code| {
        [&SqlState::INVALID_CATALOG_NAME, &SqlState::INSUFFICIENT_PRIVILEGE].contains(&code)
    });
    if is_barred && let Some(own) = own {
        let failed = |source| DatabaseError::Connect { url: own.clone(), source };
        return connect(own.expose()).await.map_err(failed);
    }
    Err(DatabaseError::Connect { url: DatabaseUrl::new(usual), source })
}

fn is_passing(error: &tokio_postgres::Error) -> bool {
    error
        .code()
        .is_some_and(|code| [&SqlState::CANNOT_CONNECT_NOW, &SqlState::TOO_MANY_CONNECTIONS].contains(&code))
}
