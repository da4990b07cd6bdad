//! Asking for a rebuild, and calling it off.

use annals_eventstore::postgres::Consumer;
use tokio_postgres::{Error, Transaction};

use super::operate::{Change, OperateError, Operator};
use crate::rebuild::filler;

/// How a projection is built anew. Fill in what differs from the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildOptions {
    /// A query that has to be content with the new tables before they take the place of the old ones; none by default. It is
    /// when it gives no row, or nothing but `true`. It is one statement, asked by a runner with the new tables first in the
    /// search path, and can change nothing; batches of the projection wait for it, readers do not.
    pub verification: Option<String>,
    /// How many events a second are applied, over all runners; any number by default. Whoever reads and writes beside it is
    /// slowed down the less.
    pub events_per_second: Option<u32>,
    /// Keeps the old tables, in the schema `<schema>__old_<number of the rebuild>`; they are dropped by default. Who keeps
    /// them drops them by hand.
    pub keep_old: bool,
}

impl Operator {
    /// Asks that a projection be built anew from the start of the log, beside the live one, and takes its place when it has
    /// come as far. The runners that host it do so: there need be none yet. Returns the number of the rebuild.
    ///
    /// What the projection does beyond its tables is not done again ([`Batch::is_rebuild`](annals_eventstore::Batch)).
    ///
    /// # Errors
    ///
    /// [`OperateError::NoOwnSchema`] and [`OperateError::SharedSchema`] where its tables cannot be told from others,
    /// [`OperateError::RebuildUnderWay`] where one is, [`OperateError::UnknownProjection`], or a fault of the database.
    pub async fn rebuild(
        &self,
        projection: &Consumer,
        options: &RebuildOptions,
        reason: &str,
    ) -> Result<i64, OperateError> {
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        let schema = change.schema.clone().ok_or_else(|| OperateError::NoOwnSchema(projection.clone()))?;
        if change.is_shared(&schema).await? {
            return Err(OperateError::SharedSchema { projection: projection.clone(), schema });
        }
        let Consumer { name, version } = projection;
        let live = self.statements.live_version.query(&change.transaction, &[name, &schema]).await?;
        let live: i32 = live.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(*version);
        if live > *version {
            return Err(OperateError::Replaced { projection: projection.clone(), by: live });
        }
        let RebuildOptions { verification, events_per_second, keep_old } = options;
        let throttle = events_per_second.map(|events| i64::from(events.max(1)));
        let ask = &self.statements.ask_rebuild;
        let asked = ask
            .query(&change.transaction, &[name, version, &live, verification, &throttle, keep_old, &reason])
            .await?;
        let Some(row) = asked.first() else { return Err(OperateError::RebuildUnderWay(projection.clone())) };
        let rebuild = row.try_get(0)?;
        change.commit("ask to rebuild", None).await?;
        Ok(rebuild)
    }

    /// Calls a rebuild off: the live tables go on as they are, and runners remove the others.
    ///
    /// # Errors
    ///
    /// [`OperateError::NoRebuild`] where none is under way, or it has swapped, [`OperateError::UnknownProjection`], or a
    /// fault of the database.
    pub async fn cancel_rebuild(&self, projection: &Consumer, reason: &str) -> Result<(), OperateError> {
        let mut client = self.read_models.get().await?;
        let change = Change::begin(self, &mut client, projection, reason).await?;
        let (cancel, Consumer { name, version }) = (&self.statements.cancel_rebuild, projection);
        if cancel.query(&change.transaction, &[name, version]).await?.is_empty() {
            return Err(OperateError::NoRebuild(projection.clone()));
        }
        change.commit("cancel the rebuild", None).await
    }

    /// Finds who fills a projection anew.
    pub(super) async fn open_filler(
        &self,
        transaction: &Transaction<'_>,
        projection: &Consumer,
    ) -> Result<Option<Consumer>, Error> {
        let rows = self.statements.open_rebuilds.query(transaction, &[]).await?;
        let is_of = |row: &&tokio_postgres::Row| {
            (row.get::<_, &str>("consumer"), row.get("version"))
                == (projection.name.as_str(), projection.version)
        };
        Ok(rows.iter().find(is_of).map(|row| filler(projection, row.get("rebuild_id"))))
    }
}
