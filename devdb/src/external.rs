//! The server of `DATABASE_URL`: used as it is, once it has answered.
//!
//! Guarantees
//! - nothing is started, stopped or made there;
//! - a server that is too old, or a URL that demands TLS, is refused at once and by name.

use tokio_postgres::error::SqlState;

use crate::{
    connection::connect, database_url::DatabaseUrl, probe::MAINTENANCE, server::Server,
    start_error::StartError, version::PostgresVersion,
};

/// The values of `sslmode` that take no plain connection; the driver itself knows but the first.
const WITH_TLS: [&str; 3] = ["require", "verify-ca", "verify-full"];

/// Checks the server of `DATABASE_URL` and learns its version.
pub(crate) async fn server(url: &DatabaseUrl) -> Result<Server, StartError> {
    if let Some(sslmode) = url.parameter("sslmode").filter(|mode| WITH_TLS.contains(&mode.as_str())) {
        return Err(StartError::Tls { url: url.clone(), sslmode });
    }
    let failed = |source| StartError::DatabaseUrl { url: url.clone(), source };
    let missing_database =
        |error: &tokio_postgres::Error| error.code() == Some(&SqlState::INVALID_CATALOG_NAME);
    let client = match connect(url.expose()).await {
        // The database of the URL may be one that is still to be made.
        Err(error) if missing_database(&error) => {
            connect(&url.with_database(MAINTENANCE)).await.map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    let row = client.query_one("select current_setting('server_version')", &[]).await.map_err(failed)?;
    let version: PostgresVersion = row.get::<_, &str>(0).parse().unwrap_or(PostgresVersion::new(0, 0));
    if version.is_supported() {
        Ok(Server::external(url.clone(), version))
    } else {
        Err(StartError::TooOld { version, place: url.to_string() })
    }
}
