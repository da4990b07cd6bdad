//! The tables of a projection.

use tokio_postgres::{Client, Transaction};

use super::fault::{Fault, FaultReason, FolderError};
use super::filled_by::{self, FilledBy};
use super::place::Place;
use super::prepare::{PrepareError, fault, refusal};
use super::projection::SqlProjection;
use super::session::{outside, outside_before, search_path};

impl SqlProjection {
    /// Creates the schema, and the tables in it by `setup.sql`, which may run again and again. One process at a time
    /// does so, in one transaction. The fingerprint of the files stands in the comment of the schema.
    ///
    /// # Errors
    ///
    /// [`PrepareError`] where the server does not take it, where it changes what is not in the schema, and where the
    /// tables were filled by other files: another version, or the same before an edit. Nothing was changed then.
    pub async fn set_up(&self, client: &mut Client) -> Result<(), PrepareError> {
        let transaction = client.transaction().await?;
        self.set_up_within(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Does the same in a transaction of the caller, which is to be rolled back where it fails.
    pub(crate) async fn set_up_within(&self, transaction: &Transaction<'_>) -> Result<(), PrepareError> {
        let (schema, file) = (self.schema(), self.setup_file());
        let lock = "select pg_catalog.pg_advisory_xact_lock(1634627169, pg_catalog.hashtext($1))";
        transaction.query(lock, &[&format!("projection {}", self.name())]).await?;
        let own = format!("create schema if not exists \"{schema}\"; {}", search_path(schema));
        let filled_by = filled_by::read(transaction, self).await?;
        if let FilledBy::Others(reason) = filled_by {
            let place = Place::top(self.manifest_file());
            return Err(FolderError(vec![Fault { place, reason }]).into());
        }
        let before = outside_before(transaction, schema).await?;
        transaction.batch_execute(&own).await?;

        if let Err(error) = transaction.batch_execute(&file.text).await {
            let nth = |character: usize| file.text.char_indices().nth(character.saturating_sub(1));
            let refused =
                refusal(error, file, |character| nth(character).map_or(file.text.len(), |(at, _)| at))?;
            return Err(FolderError(vec![fault(refused)]).into());
        }
        let relations = outside(transaction, schema, Some(&before)).await?;
        if !relations.is_empty() {
            let reason = FaultReason::Outside { relations, schema: schema.clone() };
            return Err(FolderError(vec![Fault { place: Place::top(&file.path), reason }]).into());
        }
        // Only the owner of the schema may say so, and others may run the projection.
        if let FilledBy::Nobody = filled_by {
            filled_by::say(transaction, self).await?;
        }
        Ok(())
    }
}
