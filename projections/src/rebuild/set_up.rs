//! The first step: a schema beside the live one, with empty tables.
//!
//! Guarantees: it is one transaction; tables that were made elsewhere than in the new schema, and a live schema that could
//! not be renamed in the end, are refused before anything is filled.

use annals_eventstore::fail_point;
use annals_eventstore::postgres::SchemaName;
use futures_util::future::BoxFuture;
use tokio_postgres::{Client, IsolationLevel, Transaction};

use super::refusal::StepError;
use super::row::{Rebuild, RebuildState};
use super::schema::{carry_rights, touched};
use crate::statements::Statements;

/// Whoever knows the tables of a projection.
pub(crate) trait MakesTables: Send + Sync {
    /// Creates them in a schema, empty.
    fn make_tables<'a>(
        &'a self,
        transaction: &'a Transaction<'a>,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), StepError>>;
}

/// Makes the tables; tells whether this call has done so.
pub(crate) async fn set_up<M: MakesTables + ?Sized>(
    client: &mut Client,
    statements: &Statements,
    rebuild: &Rebuild,
    maker: &M,
) -> Result<bool, StepError> {
    let (live, shadow) = (&rebuild.schema, rebuild.shadow());
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    if !statements.enter_rebuild.query(&transaction, &[&rebuild.id]).await?[0].get::<_, bool>(0) {
        return Ok(false);
    }
    fail_point!(rebuild_before_tables);
    let has_tables = refuse_foreign(&transaction, statements, live).await?;
    let refused = |error: tokio_postgres::Error| StepError::of_tables(error);
    // What others have in the new schema, if there is one of this name, is not ours.
    transaction.batch_execute(&format!("create schema \"{shadow}\"")).await.map_err(refused)?;
    // Rights that new tables get, first.
    carry_rights(&transaction, statements, (live, &shadow), false).await.map_err(refused)?;
    maker.make_tables(&transaction, &shadow).await?;
    let touched = touched(&transaction, statements, live).await?;
    let made = statements.schema_owner.query(&transaction, &[&shadow.as_str()]).await?;
    let is_empty = !made.first().is_some_and(|row| row.get("has_tables"));
    if !touched.is_empty() || (is_empty && has_tables) {
        return Err(StepError::Fails(format!(
            "its tables are made in schema {live} outright: leave the schema out, the search path leads to the right one"
        )));
    }
    carry_rights(&transaction, statements, (live, &shadow), true).await.map_err(refused)?;
    // The row last: what a projection in SQL locks besides its tables is held against it.
    let locked = statements.lock_rebuild.query(&transaction, &[&rebuild.id]).await?;
    if locked.first().map(|row| row.get::<_, String>(0)).as_deref() != Some(RebuildState::Asked.as_str()) {
        return Ok(false);
    }
    let (filling, nothing) = (RebuildState::Filling.as_str(), None::<&str>);
    statements.rebuild_becomes.query(&transaction, &[&rebuild.id, &filling, &nothing, &false]).await?;
    statements.wake_runners.query(&transaction, &[]).await?;
    fail_point!(rebuild_before_filling);
    transaction.commit().await?;
    fail_point!(rebuild_after_filling);
    Ok(true)
}

/// Refuses a schema that this role may not rename; tells whether it has tables.
async fn refuse_foreign(
    transaction: &Transaction<'_>,
    statements: &Statements,
    live: &SchemaName,
) -> Result<bool, StepError> {
    let rows = statements.schema_owner.query(transaction, &[&live.as_str()]).await?;
    let Some(row) = rows.first() else {
        return Err(StepError::Fails(format!("there is no schema {live}")));
    };
    if row.get("may_rename") {
        return Ok(row.get("has_tables"));
    }
    let (me, owner): (String, String) = (row.get("me"), row.get("owner"));
    Err(StepError::Fails(format!(
        "role {me} may not rename schema {live}: grant it the owner, {owner}, and CREATE on the database"
    )))
}
