//! Makes a database that may be there already.

use tokio_postgres::error::SqlState;

use crate::{connection, database_error::DatabaseError, server::Server, sql::identifier};

impl Server {
    /// Makes a database if it is missing. Many may ask for the same one at once.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the server cannot be reached or refuses.
    pub async fn ensure_database(&self, database: &str) -> Result<(), DatabaseError> {
        let failed = |source| DatabaseError::Statement {
            action: "make database",
            database: database.to_owned(),
            source,
        };
        let client = connection::maintenance(self).await?;
        let found = client.query_opt("select 1 from pg_database where datname = $1", &[&database]).await;
        if found.map_err(failed)?.is_some() {
            return Ok(());
        }
        match client.batch_execute(&format!("create database {}", identifier(database))).await {
            // Somebody else was quicker: seen by the name check, or by the unique index under it.
            Err(error)
                if [Some(&SqlState::DUPLICATE_DATABASE), Some(&SqlState::UNIQUE_VIOLATION)]
                    .contains(&error.code()) =>
            {
                Ok(())
            }
            other => other.map_err(failed),
        }
    }
}
