//! Every statement of a projection is shown to the server before the first event comes.
//!
//! Guarantees: a statement that the server does not take, and one that names a table outside of the projection's
//! schema, is told with its place; all files are looked at; nothing is carried out.
//!
//! Leaves to others: what functions and triggers do. Who must be sure of that runs the projection under a role that
//! may write to its schema only.

use tokio_postgres::error::ErrorPosition;
use tokio_postgres::{Client, Error};

use super::fault::{Fault, FaultReason, FolderError, said};
use super::place::Place;
use super::projection::{HandlerFile, SqlFile, SqlProjection};
use super::session::{outside, search_path};

/// Why a projection cannot be run. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Files are wrong; all of them are told.
    #[error(transparent)]
    Refused(#[from] FolderError),
    /// The connection broke, or the role may not do what has to be done besides, such as to create the schema.
    #[error("the database cannot be asked about the projection, or given its schema")]
    Database(#[from] Error),
}

/// Shows all statements to the server.
pub(super) async fn prepare(client: &mut Client, projection: &SqlProjection) -> Result<(), PrepareError> {
    let mut faults = Vec::new();
    for handler in projection.files() {
        faults.extend(fault_of(client, projection, handler).await?);
    }
    if faults.is_empty() { Ok(()) } else { Err(FolderError(faults).into()) }
}

async fn fault_of(
    client: &mut Client,
    projection: &SqlProjection,
    HandlerFile { file, statement }: &HandlerFile,
) -> Result<Option<Fault>, Error> {
    let schema = projection.schema();
    let transaction = client.transaction().await?;
    transaction.batch_execute(&search_path(schema)).await?;
    let reason = match transaction.prepare(statement.sql()).await {
        Ok(_) => {
            let relations = outside(&transaction, schema, None).await?;
            let place = Place::top(&file.path);
            let reason = |relations| FaultReason::Outside { relations, schema: schema.clone() };
            (!relations.is_empty()).then(|| Fault { place, reason: reason(relations) })
        }
        Err(error) => Some(fault(refusal(error, file, |character| statement.origin(character))?)),
    };
    transaction.rollback().await?;
    Ok(reason)
}

/// Tells where the server found something wrong, and what; a connection that broke is another matter.
pub(super) fn refusal(
    error: Error,
    file: &SqlFile,
    origin: impl Fn(usize) -> usize,
) -> Result<(Place, String, Error), Error> {
    let Some(answer) = error.as_db_error() else { return Err(error) };
    let place = match answer.position() {
        Some(ErrorPosition::Original(character)) => {
            let at = origin(usize::try_from(*character).unwrap_or(usize::MAX));
            Place::of_byte(&file.path, &file.text, at)
        }
        _ => Place::top(&file.path),
    };
    Ok((place, said(answer), error))
}

/// Tells the same as a fault of the folder.
pub(super) fn fault((place, message, source): (Place, String, Error)) -> Fault {
    Fault { place, reason: FaultReason::Server { message, source } }
}
