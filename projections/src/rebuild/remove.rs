//! The last steps: what is not needed any more goes, without cascade.

use annals_eventstore::fail_point;
use annals_eventstore::postgres::SchemaName;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, IsolationLevel, Transaction};

use super::refusal::StepError;
use super::row::{Rebuild, RebuildState};
use crate::statements::Statements;

/// How long whoever uses what is to be dropped is waited for; whoever comes behind waits as long.
const PATIENCE: &str = "set local lock_timeout = '500ms'";

/// Removes a rebuild that was cancelled or has failed; tells whether this call has done so.
pub(crate) async fn remove(
    client: &mut Client,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<bool, StepError> {
    let ends = match rebuild.state {
        RebuildState::Failing => RebuildState::Failed,
        _ => RebuildState::Cancelled,
    };
    // Slots first, by themselves: whatever is in hand fails, and lets go of the tables.
    let transaction = begin(client).await?;
    if !is_still(&transaction, statements, rebuild).await? {
        return Ok(false);
    }
    fail_point!(remove_before_forgetting);
    let filler = rebuild.filler();
    statements.forget_consumer.query(&transaction, &[&filler.name, &filler.version]).await?;
    transaction.commit().await?;
    fail_point!(remove_after_forgetting);
    drop_and_end(client, statements, rebuild, &rebuild.shadow(), ends).await
}

/// Drops the tables that were replaced; tells whether this call has done so.
pub(crate) async fn drop_replaced(
    client: &mut Client,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<bool, StepError> {
    drop_and_end(client, statements, rebuild, &rebuild.replaced(), RebuildState::Done).await
}

async fn drop_and_end(
    client: &mut Client,
    statements: &Statements,
    rebuild: &Rebuild,
    schema: &SchemaName,
    ends: RebuildState,
) -> Result<bool, StepError> {
    let mut transaction = begin(client).await?;
    if !is_still(&transaction, statements, rebuild).await? {
        return Ok(false);
    }
    transaction.batch_execute(PATIENCE).await?;
    fail_point!(drop_before_tables);
    drop_schema(&mut transaction, statements, schema).await.map_err(|error| match error {
        StepError::Database(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            StepError::Waits(format!("somebody still uses tables in schema {schema}"))
        }
        error => error,
    })?;
    fail_point!(drop_before_end);
    let nothing: Option<&str> = None;
    statements.rebuild_becomes.query(&transaction, &[&rebuild.id, &ends.as_str(), &nothing, &true]).await?;
    transaction.commit().await?;
    fail_point!(drop_after_end);
    Ok(true)
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>, Error> {
    client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await
}

/// Locks the rebuild; tells whether it stands where it was seen, and nobody else is at it.
async fn is_still(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<bool, Error> {
    let locked = statements.lock_rebuild.query(transaction, &[&rebuild.id]).await?;
    Ok(locked.first().map(|row| row.get::<_, String>(0)).as_deref() == Some(rebuild.state.as_str()))
}

/// Drops a schema with what is in it, one thing after another: what stands on another thing goes before it. What stands on
/// it from outside keeps it.
async fn drop_schema(
    transaction: &mut Transaction<'_>,
    statements: &Statements,
    schema: &SchemaName,
) -> Result<(), StepError> {
    loop {
        let objects = statements.droppable.query(transaction, &[&schema.as_str()]).await?;
        let (mut dropped, mut kept_by) = (0, None);
        for object in &objects {
            let object: String = object.try_get(0)?;
            match drop_one(transaction, &format!("{object} restrict")).await? {
                None => dropped += 1,
                Some(why) => kept_by = Some(why),
            }
        }
        match kept_by {
            None => break,
            Some(why) if dropped == 0 => return Err(StepError::Waits(why)),
            Some(_) => {}
        }
    }
    match drop_one(transaction, &format!("schema if exists \"{schema}\" restrict")).await? {
        None => Ok(()),
        Some(why) => Err(StepError::Waits(why)),
    }
}

/// Drops one thing; tells what stands on it, if something does.
async fn drop_one(transaction: &mut Transaction<'_>, object: &str) -> Result<Option<String>, Error> {
    let attempt = transaction.transaction().await?;
    match attempt.batch_execute(&format!("drop {object}")).await {
        Ok(()) => attempt.commit().await.map(|()| None),
        Err(error) if error.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => {
            attempt.rollback().await?;
            let said = error.as_db_error().map(|said| (said.message(), said.detail().unwrap_or_default()));
            let (message, detail) = said.unwrap_or_default();
            Ok(Some(format!("{message}: {detail}")))
        }
        Err(error) => Err(error),
    }
}
