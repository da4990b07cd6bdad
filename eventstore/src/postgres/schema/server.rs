//! Whether a server can hold a log at all.
//!
//! Statements here are sent unnamed, since a pooler may stand before the server.

use tokio_postgres::GenericClient;

use super::error::MigrateError;

/// The oldest server that is supported, as `server_version_num` writes it.
pub(crate) const SERVER_VERSION_MIN: i32 = 150_000;

/// Refuses a server that is too old, and a database whose text is not UTF-8.
pub(crate) async fn require_server(client: &impl GenericClient) -> Result<(), MigrateError> {
    let row = client
        .query_typed_one(
            "select current_setting('server_version_num')::integer, current_setting('server_version'),
                 current_setting('server_encoding')",
            &[],
        )
        .await?;
    if row.get::<_, i32>(0) < SERVER_VERSION_MIN {
        return Err(MigrateError::ServerTooOld(row.get(1)));
    }
    match row.get(2) {
        "UTF8" => Ok(()),
        other => Err(MigrateError::WrongEncoding(other.to_owned())),
    }
}
