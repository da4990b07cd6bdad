//! The swap: the new tables take the name, the rights and the checkpoints of the old ones, in one transaction.
//!
//! ```text
//! near -> frozen (no batch of the live projection commits) -> every new slot has come to where its live one stands
//!      -> nothing outside stands on the old tables, no key is missing, the verification is content -> renamed, taken over, committed
//! ```
//!
//! Readers are not held up: a rename of a schema takes no lock on its tables. Batches of the projection are, from the
//! freeze to the commit; then those under way fail, and are applied to the new tables.

use std::collections::HashMap;
use std::time::Duration;

use annals_eventstore::postgres::Consumer;
use annals_eventstore::{Cursor, EventId, GlobalPosition, Partition, fail_point};
use chrono::{DateTime, Utc};
use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, GenericClient, IsolationLevel, Transaction};
use uuid::Uuid;

use super::refusal::StepError;
use super::row::{Rebuild, RebuildState};
use super::schema::{carry_rights, dependants};
use super::verify::verify;
use crate::statements::Statements;

/// How long the live slots are frozen at most until the new ones have come as far.
const FREEZE_MAX: Duration = Duration::from_millis(1500);

/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// How many positions a new slot may be behind when it is tried.
const NEAR: i64 = 1000;

/// Bounds what others may hold up, and how long the verification may take.
const PATIENCE: &str = "set local lock_timeout = '1s'; set local statement_timeout = '60s'";

/// Where the slots of a consumer stand.
type Slots = HashMap<Partition, Cursor>;

/// Reads where the slots of a consumer stand.
pub(crate) async fn cursors(
    client: &impl GenericClient,
    statements: &Statements,
    consumer: &Consumer,
) -> Result<Slots, Error> {
    let rows = statements.slot_cursors.query(client, &[&consumer.name, &consumer.version]).await?;
    let slot = |row: &tokio_postgres::Row| {
        let position = GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default();
        let event_id = row.try_get::<_, Option<Uuid>>("event_id")?.map(EventId::from);
        Ok((partition(row)?, Cursor { position, event_id }))
    };
    rows.iter().map(slot).collect()
}

fn partition(row: &tokio_postgres::Row) -> Result<Partition, Error> {
    Ok(Partition(u16::try_from(row.try_get::<_, i32>("partition")?).unwrap_or(u16::MAX)))
}

/// Tells whether all new slots have come so far that a swap may be tried.
pub(crate) fn is_near(live: &Slots, new: &Slots, partitions: u16) -> bool {
    are_behind(live, new, NEAR) && live.len() == usize::from(partitions)
}

/// Tells whether each new slot is behind its live one by no more than some positions.
fn are_behind(live: &Slots, new: &Slots, by_no_more_than: i64) -> bool {
    live.iter().all(|(slot, live)| {
        let new = new.get(slot).map(|new| new.position).unwrap_or_default();
        i64::from(live.position) - i64::from(new) <= by_no_more_than
    })
}

/// Swaps; tells whether this call has done so. Not where the new slots did not come as far in time.
pub(crate) async fn swap(
    client: &mut Client,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<bool, StepError> {
    match attempt(client, statements, rebuild).await {
        Err(StepError::Database(error)) if is_in_the_way(&error) => Ok(false),
        ended => ended,
    }
}

/// Another transaction held something for too long, or changed it first.
fn is_in_the_way(error: &Error) -> bool {
    let passing =
        [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
    error.code().is_some_and(|code| passing.contains(code))
}

async fn attempt(client: &mut Client, statements: &Statements, rebuild: &Rebuild) -> Result<bool, StepError> {
    let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let mut transaction = begin.start().await?;
    transaction.batch_execute(PATIENCE).await?;
    let locked = statements.lock_rebuild.query(&transaction, &[&rebuild.id]).await?;
    if locked.first().map(|row| row.get::<_, String>(0)).as_deref() != Some(RebuildState::Filling.as_str()) {
        return Ok(false);
    }
    refuse_dependants(&transaction, statements, rebuild).await?;
    refuse_parked(&transaction, statements, rebuild).await?;
    fail_point!(swap_before_freeze);
    let Some(frozen_at) = freeze(&transaction, statements, rebuild).await? else { return Ok(false) };
    fail_point!(swap_after_freeze);
    // Once more: nobody has waited for the first look.
    refuse_dependants(&transaction, statements, rebuild).await?;
    refuse_parked(&transaction, statements, rebuild).await?;
    let (live, shadow) = (&rebuild.schema, rebuild.shadow());
    if let Some(query) = &rebuild.verification {
        verify(&mut transaction, &shadow, query).await?;
    }
    fail_point!(swap_before_rights);
    carry_rights(&transaction, statements, (live, &shadow), false).await?;
    fail_point!(swap_before_rename);
    let rename = format!(
        "alter schema \"{live}\" rename to \"{}\"; alter schema \"{shadow}\" rename to \"{live}\"",
        rebuild.replaced()
    );
    transaction.batch_execute(&rename).await?;
    fail_point!(swap_before_checkpoints);
    take_over(&transaction, statements, rebuild, frozen_at).await?;
    fail_point!(swap_before_commit);
    transaction.commit().await?;
    fail_point!(swap_after_commit);
    Ok(true)
}

async fn refuse_dependants(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<(), StepError> {
    let found = dependants(transaction, statements, &rebuild.schema, &rebuild.shadow()).await?;
    if found.is_empty() {
        return Ok(());
    }
    Err(StepError::Waits(format!(
        "what stands on the old tables and would be left behind: {}",
        found.join(", ")
    )))
}

/// Refuses new tables that show less of a key than the live ones do.
async fn refuse_parked(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<(), StepError> {
    let (live, filler) = (&rebuild.live, rebuild.filler());
    let only_new = &statements.only_new_parked;
    let names: [&(dyn ToSql + Sync); 4] = [&filler.name, &filler.version, &live.name, &live.version];
    let rows = only_new.query(transaction, &names).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (keys, key): (i64, &str) = (row.try_get("keys")?, row.try_get("key")?);
    let (position, reason): (i64, Option<&str>) = (row.try_get("position")?, row.try_get("reason")?);
    Err(StepError::Waits(format!(
        "events of {keys} keys cannot be applied that the live tables show, such as that of {key} at position {position} ({}): \
         retry or discard them in {}",
        reason.unwrap_or_default(),
        filler.name
    )))
}

/// Locks the live checkpoints, waits until the new slots stand where they stand, and locks those; tells since when.
async fn freeze(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rebuild: &Rebuild,
) -> Result<Option<DateTime<Utc>>, Error> {
    let (live, filler) = (&rebuild.live, rebuild.filler());
    let frozen = statements.freeze_slots.query(transaction, &[&live.name, &live.version]).await?;
    let Some(since) = frozen.first().map(|row| row.try_get("now")).transpose()? else { return Ok(None) };
    let live = cursors(transaction, statements, live).await?;
    let deadline = Instant::now() + FREEZE_MAX;
    loop {
        let new = cursors(transaction, statements, &filler).await?;
        if live.len() == usize::from(rebuild.partitions) && are_behind(&live, &new, 0) {
            break;
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(LOOK).await;
    }
    statements.freeze_slots.query(transaction, &[&filler.name, &filler.version]).await?;
    let new = cursors(transaction, statements, &filler).await?;
    Ok(are_behind(&live, &new, 0).then_some(since))
}

/// Gives the projection what the filler has: checkpoints under new epochs, parked events, requests.
async fn take_over(
    transaction: &Transaction<'_>,
    statements: &Statements,
    rebuild: &Rebuild,
    frozen_at: DateTime<Utc>,
) -> Result<(), StepError> {
    let (Rebuild { projection: Consumer { name, version }, live, .. }, filler) = (rebuild, rebuild.filler());
    if live.version != *version {
        statements.fence_slots.query(transaction, &[name, &live.version]).await?;
        statements.stands.query(transaction, &[name, &live.version, &"replaced"]).await?;
        statements.stands.query(transaction, &[name, version, &"live"]).await?;
    }
    let rows = statements.take_over_checkpoints.query(transaction, &[name, version, &filler.name]).await?;
    let mut slots = vec![0_i64; usize::from(rebuild.partitions)];
    for row in &rows {
        if let Some(slot) = slots.get_mut(usize::from(partition(row)?.0)) {
            *slot = row.try_get("position")?;
        }
    }
    fail_point!(swap_before_parked);
    statements.unpark_behind.query(transaction, &[name, &live.version, &0_i64]).await?;
    statements.move_parked.query(transaction, &[&filler.name, version, name]).await?;
    statements.move_requests.query(transaction, &[&filler.name, version, name]).await?;
    statements.forget_consumer.query(transaction, &[&filler.name, version]).await?;
    statements.free_idle_slots.query(transaction, &[name, &live.version]).await?;
    fail_point!(swap_before_note);
    let (state, ends) = match rebuild.keeps_old {
        true => (RebuildState::Done, true),
        false => (RebuildState::Swapped, false),
    };
    let swapped = &statements.rebuild_swapped;
    swapped.query(transaction, &[&rebuild.id, &state.as_str(), &frozen_at, &slots, &ends]).await?;
    let (subject, by) = (rebuild.id.to_string(), &rebuild.asked_by);
    let note = &statements.note_audit;
    note.query(transaction, &[name, version, &"rebuild", &subject, &rebuild.reason, by]).await?;
    statements.wake_runners.query(transaction, &[]).await?;
    Ok(())
}
