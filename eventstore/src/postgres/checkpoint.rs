//! Checkpoints in PostgreSQL: claimed under a new epoch, moved in the transaction of the read model.
//!
//! Guarantees: a checkpoint moves only from where its owner left it, and only for its last owner. Whoever
//! was overtaken finds out by the update itself, and its batch rolls back.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

use super::fault::is_transient;
use super::loan::Loan;
use super::send::{Manner, Ready, execute_within};
use super::statements::Statements;
use super::store::PostgresStore;
use crate::checkpoint::{Checkpoint, LeaseEpoch, Lineage, Partition};
use crate::cursor::Cursor;
use crate::event_id::EventId;
use crate::position::GlobalPosition;

/// Who keeps a checkpoint: a consumer's name and the version of what it builds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// Its name, such as `balances`.
    pub name: String,
    /// Counts up when it has to build anew.
    pub version: i32,
}

/// A checkpoint that is ours until somebody claims it after us.
#[derive(Debug)]
pub struct ClaimedCheckpoint {
    consumer: Consumer,
    partition: Partition,
    epoch: LeaseEpoch,
    checkpoint: Checkpoint,
    statements: Arc<Statements>,
    manner: Manner,
    answer_timeout: Option<Duration>,
}

impl CheckpointError {
    /// True where the same attempt may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Database(error) => is_transient(error),
            Self::TakenOver { .. } | Self::Diverged { .. } => false,
        }
    }
}

/// Why a checkpoint was not claimed or moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Another owner has taken over. Roll back and stop.
    #[error("checkpoint of {consumer} was taken over by another owner")]
    TakenOver {
        /// The consumer's name.
        consumer: String,
    },
    /// The checkpoint belongs to another log than the one that is read. Nothing was changed.
    #[error("checkpoint of {consumer} belongs to log {checkpoint:?}, this is log {log:?}")]
    Diverged {
        /// The consumer's name.
        consumer: String,
        /// The log the checkpoint was made on.
        checkpoint: Lineage,
        /// The log that is read.
        log: Lineage,
    },
    /// No connection could be had. Nothing was changed.
    #[error("no connection for the checkpoint")]
    Unavailable(#[from] deadpool_postgres::PoolError),
    /// The database failed.
    #[error("checkpoint cannot be read or written")]
    Database(#[from] tokio_postgres::Error),
}

impl ClaimedCheckpoint {
    /// Claims a slot, beginning its checkpoint where there is none. Owners before us are refused from now on.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Diverged`] when it belongs to another log, or a fault of the database.
    pub async fn claim(
        store: &PostgresStore,
        read_models: &Pool,
        consumer: Consumer,
        partition: Partition,
    ) -> Result<Self, CheckpointError> {
        let log = lineage(store).await?;
        let client = Loan::new(read_models.get().await?, store.config().answer_timeout);
        let ready = store.manner().ready(&client, &store.statements().claim_checkpoint).await?;
        let claimed = Self::claim_by(&ready, store, log, consumer, partition).await?;
        drop(client);
        claimed.refuse_other(store, log).await?;
        Ok(claimed)
    }

    /// Claims a slot by a statement that is ready, in whatever transaction that is. Nothing tells yet whether the
    /// checkpoint is of the log.
    pub(super) async fn claim_by(
        ready: &Ready<'_>,
        store: &PostgresStore,
        log: Lineage,
        consumer: Consumer,
        partition: Partition,
    ) -> Result<Self, CheckpointError> {
        let slot: [&(dyn ToSql + Sync); 4] =
            [&consumer.name, &consumer.version, &i32::from(partition.0), &log.0];
        let rows = ready.query(&slot).await?;
        let row = rows.first().expect("a checkpoint is begun where there is none");
        let checkpoint = checkpoint(row)?;
        let (statements, manner) = (Arc::clone(store.statements()), store.manner());
        let (epoch, answer_timeout) = (LeaseEpoch(row.try_get(3)?), store.config().answer_timeout);
        Ok(Self { consumer, partition, epoch, checkpoint, statements, manner, answer_timeout })
    }

    /// Refuses a checkpoint of another log than the one that this was said to be.
    pub(super) async fn refuse_other(
        &self,
        store: &PostgresStore,
        mut log: Lineage,
    ) -> Result<(), CheckpointError> {
        let checkpoint = self.checkpoint.lineage;
        if checkpoint != log {
            // A repair may have come between the two questions.
            log = lineage(store).await?;
        }
        if checkpoint == log {
            return Ok(());
        }
        Err(CheckpointError::Diverged { consumer: self.consumer.name.clone(), checkpoint, log })
    }

    /// Returns how far the consumer has come.
    pub fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Returns the right under which the checkpoint is held.
    pub fn epoch(&self) -> LeaseEpoch {
        self.epoch
    }

    /// Returns who keeps it.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// Returns the slot.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Moves the checkpoint in a transaction. Call [`ClaimedCheckpoint::moved`] once that has committed.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::TakenOver`] when another owner came; the caller must roll back.
    pub async fn advance(
        &self,
        transaction: &Transaction<'_>,
        to: Cursor,
    ) -> Result<Checkpoint, CheckpointError> {
        let changed = execute_within(
            transaction,
            &self.statements.advance_checkpoint,
            &[
                &self.consumer.name,
                &self.consumer.version,
                &i32::from(self.partition.0),
                &self.epoch.0,
                &i64::from(self.checkpoint.position),
                &i64::from(to.position),
                &to.event_id.map(EventId::as_uuid),
            ],
        )
        .await?;
        // The statement changes the row if and only if `Fence::advance` does.
        if changed == 0 {
            return Err(CheckpointError::TakenOver { consumer: self.consumer.name.clone() });
        }
        Ok(Checkpoint { position: to.position, event_id: to.event_id, ..self.checkpoint })
    }

    /// Remembers where the checkpoint is after its transaction has committed.
    pub fn moved(&mut self, checkpoint: Checkpoint) {
        self.checkpoint = checkpoint;
    }

    /// Forgets the checkpoint: whoever claims the slot next begins at the start of the log.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::TakenOver`] when another owner came; nothing was changed then.
    pub async fn forget(self, read_models: &Pool) -> Result<(), CheckpointError> {
        let mut client = read_models.get().await?;
        let transaction = client.transaction().await?;
        let key: [&(dyn ToSql + Sync); 4] =
            [&self.consumer.name, &self.consumer.version, &i32::from(self.partition.0), &self.epoch.0];
        if execute_within(&transaction, &self.statements.forget_checkpoint, &key).await? == 0 {
            return Err(CheckpointError::TakenOver { consumer: self.consumer.name });
        }
        Ok(transaction.commit().await?)
    }

    /// Reads the checkpoint again, after a commit whose outcome is unknown.
    ///
    /// # Errors
    ///
    /// [`CheckpointError::TakenOver`] when another owner came.
    pub async fn reload(&mut self, read_models: &Pool) -> Result<(), CheckpointError> {
        let client = Loan::new(read_models.get().await?, self.answer_timeout);
        let key: [&(dyn ToSql + Sync); 4] =
            [&self.consumer.name, &self.consumer.version, &i32::from(self.partition.0), &self.epoch.0];
        let rows = self.manner.query(&client, &self.statements.reload_checkpoint, &key).await?;
        let Some(row) = rows.first() else {
            return Err(CheckpointError::TakenOver { consumer: self.consumer.name.clone() });
        };
        self.checkpoint = checkpoint(row)?;
        Ok(())
    }
}

/// Asks which log it is: a repair makes another one of it, also under a store that is open.
pub(super) async fn lineage(store: &PostgresStore) -> Result<Lineage, CheckpointError> {
    let client = Loan::new(store.pool().get().await?, store.config().answer_timeout);
    let rows = store.manner().query(&client, &store.statements().lineage, &[]).await?;
    let row = rows.first().expect("a query without a table gives a row");
    Ok(Lineage(row.try_get(0)?))
}

fn checkpoint(row: &Row) -> Result<Checkpoint, tokio_postgres::Error> {
    Ok(Checkpoint {
        lineage: Lineage(row.try_get(0)?),
        position: GlobalPosition::recorded(row.try_get(1)?),
        event_id: row.try_get::<_, Option<uuid::Uuid>>(2)?.map(EventId::from),
    })
}
