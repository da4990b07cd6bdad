//! The leases of slots in PostgreSQL, beside the checkpoints that they guard.
//!
//! Guarantees: every step reads the row under lock and writes what [`Lease`] makes of it, in one transaction and by
//! the clock of that database. A slot is taken together with its checkpoint, so an owner before is refused from the
//! same moment on.
//!
//! Leaves to others: when to take, renew and give back (the runner).

use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::Pool;
use tokio_postgres::{Client, IsolationLevel, Row, Transaction};

use super::checkpoint::{CheckpointError, ClaimedCheckpoint, Consumer, lineage};
use super::loan::Loan;
use super::send::{Manner, Parameters, Ready, execute_within};
use super::statements::Statement;
use super::store::PostgresStore;
use crate::checkpoint::{LeaseEpoch, Lineage, Partition};
use crate::fail_point;
use crate::lease::{Lease, RunnerId};
use crate::position::GlobalPosition;

/// How long the checkpoint of a slot is waited for. Whoever had the slot before may be in the middle of a commit.
const CHECKPOINT_PATIENCE: &str = "set local lock_timeout = '500ms'";

/// The leases of one database of read models.
#[derive(Debug, Clone)]
pub struct Leases {
    store: PostgresStore,
    read_models: Pool,
}

/// A slot as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotStatus {
    /// Which one.
    pub partition: Partition,
    /// Who has it; somebody whose lease is over may still be named.
    pub lease: Lease,
    /// Tells whether the lease may be taken, by the database's clock.
    pub is_free: bool,
    /// How long the lease lasts yet, by the database's clock.
    pub remaining: Duration,
    /// Why it stopped, if it did: nobody takes it before it is resumed.
    pub stopped: Option<String>,
    /// Tells whether the whole projection is paused, or its tables are another version's.
    pub paused: bool,
    /// Tells whether a newer version has taken its tables over: it is not needed any more.
    pub is_replaced: bool,
    /// How far it has come.
    pub position: GlobalPosition,
}

/// A lease of a runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeldLease {
    /// Whose slot.
    pub consumer: Consumer,
    /// Which slot.
    pub partition: Partition,
    /// Under which right.
    pub epoch: LeaseEpoch,
}

impl Leases {
    /// Keeps leases in a database of read models, for consumers of a log.
    pub fn of(store: &PostgresStore, read_models: Pool) -> Self {
        Self { store: store.clone(), read_models }
    }

    /// Registers a consumer that is dealt to a number of slots, and its slots. Where it is known already its number of
    /// slots stays what it is; the answer tells all of them. `schema` is the database schema that it owns, if any.
    ///
    /// # Errors
    ///
    /// A fault of the database; nothing was changed then.
    pub async fn register(
        &self,
        consumer: &Consumer,
        partitions: u16,
        schema: Option<&str>,
    ) -> Result<Vec<SlotStatus>, CheckpointError> {
        let statements = self.store.statements();
        let (name, version, slots) = (&consumer.name, &consumer.version, i32::from(partitions));
        let mut loan = self.lend().await?;
        let (client, limit) = loan.parts();
        let registered = async {
            let transaction = begin(client).await?;
            let projection: &Parameters<'_> = &[name, version, &slots, &schema];
            execute_within(&transaction, &statements.register_projection, projection).await?;
            execute_within(&transaction, &statements.register_slots, &[name, version]).await?;
            transaction.commit().await
        };
        limit.in_time(registered).await?;
        drop(loan);
        self.list(consumer).await
    }

    /// Lists the slots of a consumer; none when it was never registered.
    ///
    /// # Errors
    ///
    /// A fault of the database.
    pub async fn list(&self, consumer: &Consumer) -> Result<Vec<SlotStatus>, CheckpointError> {
        let client = self.lend().await?;
        let list = &self.store.statements().list_leases;
        let rows = self.manner().query(&client, list, &[&consumer.name, &consumer.version]).await?;
        Ok(rows.iter().map(status).collect::<Result<_, _>>()?)
    }

    /// Takes a slot if it is free, with its checkpoint. `None` when somebody has it or is just taking it.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Diverged`] when the checkpoint belongs to another log, or a fault of the database – also a
    /// transient one while the owner before is in the middle of a commit. Nothing was changed then.
    pub async fn take(
        &self,
        consumer: &Consumer,
        partition: Partition,
        by: RunnerId,
        term: Duration,
    ) -> Result<Option<ClaimedCheckpoint>, CheckpointError> {
        let log = lineage(&self.store).await?;
        let mut loan = self.lend().await?;
        let (client, limit) = loan.parts();
        match limit.in_time(self.take_over(client, log, consumer, partition, by, term)).await? {
            Taken::Slot(claimed) => Ok(Some(claimed)),
            Taken::Nothing => Ok(None),
            Taken::OfAnotherLog(claimed) => {
                drop(loan);
                claimed.refuse_other(&self.store, log).await?;
                // The log was repaired while this looked: the slot is taken at the next attempt.
                Ok(None)
            }
        }
    }

    /// Takes a slot over one connection, in one transaction.
    async fn take_over(
        &self,
        client: &mut Client,
        log: Lineage,
        consumer: &Consumer,
        partition: Partition,
        by: RunnerId,
        term: Duration,
    ) -> Result<Taken, CheckpointError> {
        let transaction = begin(client).await?;
        transaction.batch_execute(CHECKPOINT_PATIENCE).await?;
        fail_point!(take_before_lock);
        let (lock, slot) = (&self.store.statements().lock_lease, i32::from(partition.0));
        let rows =
            Ready::Within(&transaction, lock).query(&[&consumer.name, &consumer.version, &slot]).await?;
        let Some(row) = rows.first() else { return Ok(Taken::Nothing) };
        let (lease, now) = (lease(row)?, row.try_get::<_, DateTime<Utc>>("now")?);
        if !lease.is_free(now) {
            return Ok(Taken::Nothing);
        }
        fail_point!(take_before_claim);
        let claim = Ready::Within(&transaction, &self.store.statements().claim_checkpoint);
        let claimed =
            ClaimedCheckpoint::claim_by(&claim, &self.store, log, consumer.clone(), partition).await?;
        fail_point!(take_before_keep);
        let Some(taken) = lease.take(now, by, claimed.epoch(), term) else {
            return Ok(Taken::Nothing);
        };
        self.keep(&transaction, consumer, partition, taken).await?;
        if claimed.checkpoint().lineage != log {
            return Ok(Taken::OfAnotherLog(claimed));
        }
        fail_point!(take_before_commit);
        transaction.commit().await?;
        fail_point!(take_after_commit);
        Ok(Taken::Slot(claimed))
    }

    /// Renews every lease that a runner holds; returns those, so that it learns which it has lost.
    ///
    /// # Errors
    ///
    /// A fault of the database; no lease was renewed then, and none is lost before its time is over.
    pub async fn renew(&self, by: RunnerId, term: Duration) -> Result<Vec<HeldLease>, CheckpointError> {
        self.change_held(by, |_| true, |lease, now, epoch| lease.renew(now, by, epoch, term)).await
    }

    /// Gives leases back; what somebody else has by now is left alone.
    ///
    /// # Errors
    ///
    /// A fault of the database; none was given back then.
    pub async fn release(&self, by: RunnerId, leases: &[HeldLease]) -> Result<(), CheckpointError> {
        let given = |held: &HeldLease| leases.contains(held);
        self.change_held(by, given, |lease, _, epoch| lease.release(by, epoch)).await.map(drop)
    }

    /// Stops a slot: nobody takes it before it is resumed. Tells whether it was still its owner who said so.
    ///
    /// # Errors
    ///
    /// A fault of the database; nothing was changed then.
    pub async fn stop(&self, held: &HeldLease, why: &str) -> Result<bool, CheckpointError> {
        let HeldLease { consumer, partition, epoch } = held;
        fail_point!(stop_before_begin);
        let mut loan = self.lend().await?;
        let (client, limit) = loan.parts();
        let stopped = async {
            let transaction = begin(client).await?;
            let slot = i32::from(partition.0);
            let of: &Parameters<'_> = &[&consumer.name, &consumer.version, &slot, &epoch.0, &why];
            let changed = execute_within(&transaction, &self.store.statements().stop_slot, of).await?;
            fail_point!(stop_before_commit);
            transaction.commit().await?;
            fail_point!(stop_after_commit);
            Ok::<_, CheckpointError>(changed == 1)
        };
        limit.in_time(stopped).await
    }

    /// Locks what a runner holds, and writes what becomes of the leases that are meant.
    async fn change_held(
        &self,
        by: RunnerId,
        is_meant: impl Fn(&HeldLease) -> bool,
        change: impl Fn(&Lease, DateTime<Utc>, LeaseEpoch) -> Option<Lease>,
    ) -> Result<Vec<HeldLease>, CheckpointError> {
        let mut loan = self.lend().await?;
        let (client, limit) = loan.parts();
        limit.in_time(self.change_over(client, by, is_meant, change)).await
    }

    /// Changes what a runner holds over one connection, in one transaction.
    async fn change_over(
        &self,
        client: &mut Client,
        by: RunnerId,
        is_meant: impl Fn(&HeldLease) -> bool,
        change: impl Fn(&Lease, DateTime<Utc>, LeaseEpoch) -> Option<Lease>,
    ) -> Result<Vec<HeldLease>, CheckpointError> {
        let transaction = begin(client).await?;
        fail_point!(leases_before_lock);
        let rows = Ready::Within(&transaction, &self.store.statements().held_leases).query(&[&by.0]).await?;
        let mut changed = Vec::new();
        for row in &rows {
            let (held, lease) = (held(row)?, lease(row)?);
            if !is_meant(&held) {
                continue;
            }
            if let Some(lease) = change(&lease, row.try_get("now")?, held.epoch) {
                self.keep(&transaction, &held.consumer, held.partition, lease).await?;
                changed.push(held);
            }
        }
        fail_point!(leases_before_commit);
        transaction.commit().await?;
        fail_point!(leases_after_commit);
        Ok(changed)
    }

    async fn keep(
        &self,
        transaction: &Transaction<'_>,
        consumer: &Consumer,
        partition: Partition,
        lease: Lease,
    ) -> Result<(), CheckpointError> {
        let keep: &Statement = &self.store.statements().keep_lease;
        let (owner, until) = (lease.owner.map(|owner| owner.0), lease.until);
        let slot = i32::from(partition.0);
        execute_within(
            transaction,
            keep,
            &[&consumer.name, &consumer.version, &slot, &owner, &lease.epoch.0, &until],
        )
        .await?;
        Ok(())
    }

    /// Waits for a connection, whose answers take so long at most as those of the log may.
    async fn lend(&self) -> Result<Loan, CheckpointError> {
        Ok(Loan::new(self.read_models.get().await?, self.store.config().answer_timeout))
    }

    fn manner(&self) -> Manner {
        self.store.manner()
    }
}

/// What came of the attempt to take a slot.
enum Taken {
    /// It is ours.
    Slot(ClaimedCheckpoint),
    /// Somebody has it, or is just taking it; nothing was changed.
    Nothing,
    /// Its checkpoint is not of the log that was asked about; nothing was changed.
    OfAnotherLog(ClaimedCheckpoint),
}

/// Begins a transaction in which the second statement sees what was committed before it.
async fn begin(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await
}

fn lease(row: &Row) -> Result<Lease, tokio_postgres::Error> {
    Ok(Lease {
        owner: row.try_get::<_, Option<uuid::Uuid>>("owner")?.map(RunnerId),
        epoch: LeaseEpoch(row.try_get("epoch")?),
        until: row.try_get("lease_until")?,
    })
}

fn held(row: &Row) -> Result<HeldLease, tokio_postgres::Error> {
    Ok(HeldLease {
        consumer: Consumer { name: row.try_get("consumer")?, version: row.try_get("version")? },
        partition: partition(row)?,
        epoch: LeaseEpoch(row.try_get("epoch")?),
    })
}

fn partition(row: &Row) -> Result<Partition, tokio_postgres::Error> {
    let number: i32 = row.try_get("partition")?;
    Ok(Partition(u16::try_from(number).expect("a check of the table bounds the number of slots")))
}

fn status(row: &Row) -> Result<SlotStatus, tokio_postgres::Error> {
    let (lease, now) = (lease(row)?, row.try_get::<_, DateTime<Utc>>("now")?);
    Ok(SlotStatus {
        partition: partition(row)?,
        lease,
        is_free: row.try_get("is_free")?,
        remaining: (lease.until - now).to_std().unwrap_or_default(),
        stopped: row.try_get("stopped")?,
        paused: row.try_get("paused")?,
        is_replaced: row.try_get("is_replaced")?,
        position: GlobalPosition::recorded(row.try_get("position")?),
    })
}
