//! How far a rebuild has come.

use std::time::Duration;

use annals_eventstore::GlobalPosition;
use annals_eventstore::postgres::Consumer;
use futures_util::stream::{Stream, unfold};
use tokio::time::sleep;
use tokio_postgres::{Error, Row};

use super::operate::{OperateError, Operator};
use crate::rebuild::{RebuildState, fillers_of};

/// How often it is looked by whoever follows one.
const LOOK: Duration = Duration::from_millis(250);

/// A rebuild at a glance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RebuildProgress {
    /// Its number.
    pub id: i64,
    /// What is built.
    pub projection: Consumer,
    /// The version whose tables are replaced: the same, or an older one.
    pub replaces: i32,
    /// Where it stands.
    pub state: RebuildState,
    /// What somebody has to see to before it goes on.
    pub waits_for: Option<String>,
    /// Why it has failed.
    pub failure: Option<String>,
    /// How far all of its slots have come. After the swap it is the projection itself that goes on.
    pub position: GlobalPosition,
    /// How far the log goes.
    pub head: GlobalPosition,
    /// For how long it was filled.
    pub took: Duration,
    /// How long batches of the live projection were held up by the swap; readers were not.
    pub frozen: Option<Duration>,
    /// How far each slot had come at the swap, slot 0 first. Up to here everything beyond the tables was done by the old
    /// one, and from here on by the new one.
    pub handed_over: Vec<GlobalPosition>,
    /// Why it was asked for.
    pub reason: String,
    /// By whom.
    pub asked_by: String,
}

impl RebuildProgress {
    /// Returns how many positions a second were filled, which are nearly events; nothing before the first second.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
        let positions = i64::from(self.position) as f64;
        (seconds >= 1.0 && positions > 0.0).then(|| positions / seconds)
    }

    /// Estimates when it will have come to the end of the log.
    pub fn remaining(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate is no exact number")]
        let left = (i64::from(self.head) - i64::from(self.position)).max(0) as f64;
        Duration::try_from_secs_f64(left / self.rate()?).ok()
    }
}

impl Operator {
    /// Tells how far the last rebuild of a projection has come, whatever its version; nothing where there never was one.
    ///
    /// # Errors
    ///
    /// A fault of a database.
    pub async fn rebuild_progress(&self, projection: &str) -> Result<Option<RebuildProgress>, OperateError> {
        let client = self.read_models.get().await?;
        let fillers = fillers_of(projection);
        let rows = self.statements.show_rebuild.query(&**client, &[&projection, &fillers]).await?;
        drop(client);
        let Some(row) = rows.first() else { return Ok(None) };
        let (head, _) = self.event_up_to(GlobalPosition::try_from(i64::MAX).unwrap_or_default()).await?;
        Ok(Some(progress(projection, row, head)?))
    }

    /// Follows the last rebuild of a projection until it is over, or was never asked for.
    pub fn follow_rebuild(
        &self,
        projection: &str,
    ) -> impl Stream<Item = Result<RebuildProgress, OperateError>> + Send + use<> {
        let (operator, projection) = (self.clone(), projection.to_owned());
        unfold(Some((operator, projection, Duration::ZERO)), |next| async {
            let (operator, projection, pause) = next?;
            sleep(pause).await;
            match operator.rebuild_progress(&projection).await.transpose()? {
                Ok(progress) if !progress.state.is_over() => {
                    Some((Ok(progress), Some((operator, projection, LOOK))))
                }
                last => Some((last, None)),
            }
        })
    }
}

fn progress(projection: &str, row: &Row, head: GlobalPosition) -> Result<RebuildProgress, Error> {
    let position = |number: i64| GlobalPosition::try_from(number).unwrap_or_default();
    let seconds = |column: &str| -> Result<Option<Duration>, Error> {
        let seconds: Option<f64> = row.try_get(column)?;
        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    };
    let handed_over: Option<Vec<i64>> = row.try_get("handed_over")?;
    let handed_over: Vec<GlobalPosition> =
        handed_over.unwrap_or_default().into_iter().map(position).collect();
    let here = row.try_get::<_, Option<i64>>("position")?.map(position).unwrap_or_default();
    let swapped_at = handed_over.iter().min().copied().unwrap_or_default();
    Ok(RebuildProgress {
        id: row.try_get("rebuild_id")?,
        projection: Consumer { name: projection.to_owned(), version: row.try_get("version")? },
        replaces: row.try_get("replaces")?,
        state: RebuildState::of(row.try_get("state")?),
        waits_for: row.try_get("waits_for")?,
        failure: row.try_get("failure")?,
        position: here.max(swapped_at),
        head,
        took: seconds("seconds")?.unwrap_or_default(),
        frozen: seconds("frozen_seconds")?,
        handed_over,
        reason: row.try_get("reason")?,
        asked_by: row.try_get("asked_by")?,
    })
}
