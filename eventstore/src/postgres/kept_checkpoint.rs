//! The position of a consumer, kept in the table of checkpoints.

use deadpool_postgres::Pool;

use super::checkpoint::{CheckpointError, ClaimedCheckpoint};
use crate::consumer::CheckpointKeeper;
use crate::cursor::Cursor;

/// Keeps a consumer's position in a claimed checkpoint, in a transaction of its own each time. Whoever claims the
/// checkpoint after us ends this consumer at its next attempt to keep a position.
#[derive(Debug)]
pub struct KeptCheckpoint {
    checkpoint: ClaimedCheckpoint,
    pool: Pool,
}

impl KeptCheckpoint {
    /// Keeps positions in a checkpoint that was claimed through a pool.
    pub fn of(checkpoint: ClaimedCheckpoint, pool: Pool) -> Self {
        Self { checkpoint, pool }
    }

    /// Forgets the position: whoever claims the checkpoint next begins at the start of the log.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`]; nothing was changed then.
    pub async fn forget(self) -> Result<(), CheckpointError> {
        self.checkpoint.forget(&self.pool).await
    }
}

impl CheckpointKeeper for KeptCheckpoint {
    type Error = CheckpointError;

    async fn load(&mut self) -> Result<Cursor, CheckpointError> {
        self.checkpoint.reload(&self.pool).await?;
        Ok(self.checkpoint.checkpoint().cursor())
    }

    async fn keep(&mut self, cursor: Cursor) -> Result<(), CheckpointError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let moved = self.checkpoint.advance(&transaction, cursor).await?;
        transaction.commit().await?;
        self.checkpoint.moved(moved);
        Ok(())
    }
}
