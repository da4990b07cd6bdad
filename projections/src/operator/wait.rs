//! Waiting until a read model has come as far as one's own write.
//!
//! Guarantees: however many wait in a process, one of them asks the database for all; nobody asks while nobody waits;
//! nobody is told what was asked before it came, since a projection may have been set back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use annals_eventstore::postgres::Consumer;
use annals_eventstore::{GlobalPosition, Partition, PostgresStore};
use deadpool_postgres::{Pool, PoolError};
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::statements::Statements;

/// How often the database is asked while somebody waits.
const LOOK: Duration = Duration::from_millis(15);

/// How far a projection has come, on whatever machines it runs. Keep one a process; clones share it.
///
/// # Examples
///
/// ```no_run
/// # use annals_eventstore::postgres::Consumer;
/// # use annals_eventstore::{Append, EventStore, PostgresStore};
/// # use annals_projections::Progress;
/// # async fn example(store: PostgresStore, append: Append) -> Result<(), Box<dyn std::error::Error>> {
/// let balances = Consumer { name: "balances".to_owned(), version: 1 };
/// let progress = Progress::of(&store, store.pool().clone(), balances);
///
/// let stream = append.stream.to_string();
/// let appended = store.append(append).await?;
/// progress.wait_for(appended.to_position, Some(&stream), std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Progress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    read_models: Pool,
    statements: Statements,
    projection: Consumer,
    reached: watch::Sender<Reached>,
    /// Whoever has it asks for all.
    asking: Mutex<()>,
}

/// How far the slots of a projection have come, when they were last asked.
#[derive(Debug, Clone, Default)]
struct Reached {
    /// When they were asked; never yet where nothing is known.
    asked_at: Option<Instant>,
    partitions: u16,
    slots: HashMap<Partition, GlobalPosition>,
}

impl Reached {
    /// Tells whether it had come so far when it was asked, no sooner than that.
    fn has_come(&self, position: GlobalPosition, key: Option<&str>, no_sooner: Instant) -> bool {
        self.asked_at.is_some_and(|asked_at| asked_at >= no_sooner) && self.position(key) >= position
    }

    /// How far the events of a key are applied, or those of all keys.
    fn position(&self, key: Option<&str>) -> GlobalPosition {
        let of_slot = |slot| self.slots.get(&slot).copied().unwrap_or_default();
        match key {
            Some(key) if self.partitions > 0 => of_slot(Partition::of_key(key, self.partitions)),
            _ => (0..self.partitions).map(Partition).map(of_slot).min().unwrap_or_default(),
        }
    }
}

/// Why waiting ended before the read model had come so far.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgressError {
    /// The time was over; the projection goes on.
    #[error("projection {projection} is at {reached}, not yet at {wanted}")]
    TimedOut {
        /// The projection.
        projection: String,
        /// The position waited for.
        wanted: GlobalPosition,
        /// Where it is.
        reached: GlobalPosition,
    },
    /// The read model has come so far, but events of the key are parked: it does not show them before an operator has
    /// seen to it.
    #[error("projection {projection} has parked events of {key:?}")]
    Parked {
        /// The projection.
        projection: String,
        /// The key.
        key: String,
    },
    /// There is no such projection in this database.
    #[error("projection {0} was never registered")]
    UnknownProjection(String),
    /// No connection could be had.
    #[error("no connection to the read models")]
    Unavailable(#[from] PoolError),
    /// The database failed.
    #[error("progress of the projection cannot be read")]
    Database(#[from] tokio_postgres::Error),
}

impl Progress {
    /// Follows a projection in a database of read models ([`PostgresStore::pool`] where that is the log's own).
    pub fn of(store: &PostgresStore, read_models: Pool, projection: Consumer) -> Self {
        let statements = Statements::new(&store.config().schema);
        let reached = watch::Sender::new(Reached::default());
        Self(Arc::new(Inner { read_models, statements, projection, reached, asking: Mutex::new(()) }))
    }

    /// Waits until everything up to a position is in the read model, such as one's own append. With a key – the stream,
    /// where the projection does not say otherwise – only the slot of that is waited for, which is sooner, and it is told
    /// when events of the key are parked. Without one, events that are parked count as passed: the read model does not
    /// show them.
    ///
    /// The append has to be committed: inside of its transaction the position is never reached.
    ///
    /// # Errors
    ///
    /// [`ProgressError`] when the time is over, events of the key are parked, or the database cannot be asked.
    pub async fn wait_for(
        &self,
        position: GlobalPosition,
        key: Option<&str>,
        patience: Duration,
    ) -> Result<(), ProgressError> {
        let (mut seen, began) = (self.0.reached.subscribe(), Instant::now());
        let come = async {
            tokio::select! {
                biased;
                _ = seen.wait_for(|reached| reached.has_come(position, key, began)) => {}
                asked = self.ask_for_all(position, key) => asked?,
            }
            match key {
                Some(key) if self.is_parked(key, position).await? => {
                    let (projection, key) = (self.0.projection.name.clone(), key.to_owned());
                    Err(ProgressError::Parked { projection, key })
                }
                _ => Ok(()),
            }
        };
        timeout(patience, come).await.unwrap_or_else(|_| {
            let (projection, reached) =
                (self.0.projection.name.clone(), self.0.reached.borrow().position(key));
            Err(ProgressError::TimedOut { projection, wanted: position, reached })
        })
    }

    /// Asks again and again, for everybody who waits, until one's own position is reached.
    async fn ask_for_all(&self, position: GlobalPosition, key: Option<&str>) -> Result<(), ProgressError> {
        let _asking = self.0.asking.lock().await;
        loop {
            let reached = self.ask().await?;
            let has_come = reached.position(key) >= position;
            self.0.reached.send_replace(reached);
            if has_come {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    async fn ask(&self) -> Result<Reached, ProgressError> {
        let Consumer { name, version } = &self.0.projection;
        let client = self.0.read_models.get().await?;
        let asked_at = Some(Instant::now());
        let rows = self.0.statements.slot_positions.query(&**client, &[name, version]).await?;
        let Some(row) = rows.first() else { return Err(ProgressError::UnknownProjection(name.clone())) };
        let number = |slot: i32| u16::try_from(slot).unwrap_or(u16::MAX);
        let partitions = number(row.try_get("partitions")?);
        let mut slots = HashMap::new();
        for row in &rows {
            if let Some(slot) = row.try_get::<_, Option<i32>>("partition")? {
                let position =
                    GlobalPosition::try_from(row.try_get::<_, i64>("position")?).unwrap_or_default();
                slots.insert(Partition(number(slot)), position);
            }
        }
        Ok(Reached { asked_at, partitions, slots })
    }

    async fn is_parked(&self, key: &str, position: GlobalPosition) -> Result<bool, ProgressError> {
        let Consumer { name, version } = &self.0.projection;
        let client = self.0.read_models.get().await?;
        let is_parked = &self.0.statements.is_parked;
        let rows = is_parked.query(&**client, &[name, version, &key, &i64::from(position)]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or_default())
    }
}
