//! Projections in full: what operators, health checks and metrics ask for.

use std::time::Duration;

use annals_eventstore::postgres::{Consumer, SlotStatus};
use annals_eventstore::{GlobalPosition, RunnerId};

use super::operate::{OperateError, Operator};
use super::status::ProjectionStatus;
use crate::runner::{LiveRunner, RunnerHealth};
use crate::telemetry;

/// A projection in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionReport {
    /// The projection at a glance.
    pub status: ProjectionStatus,
    /// How far its slowest slot is behind the log.
    pub lag: Lag,
    /// Its slots.
    pub slots: Vec<SlotStatus>,
    /// The runners that host it and are alive.
    pub runners: Vec<LiveRunner>,
}

/// How far something that follows the log is behind it: how much of the log it has not passed, wanted or not.
///
/// Events count as soon as they are committed, also while an open append holds readers back before them. A slot in which
/// nothing is wanted follows within moments, so a live one may show a little.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// The events that it has not passed, counted up to [`Lag::EVENTS_MAX`].
    pub events: u64,
    /// How long ago the first of them was recorded, by the clock of the log's database; nothing where there is none.
    pub age: Option<Duration>,
}

impl Lag {
    /// The most events that are counted: beyond that nobody needs the number, and counting costs.
    pub const EVENTS_MAX: u32 = 10_000;
}

impl Operator {
    /// Returns all projections in full.
    ///
    /// # Errors
    ///
    /// A fault of a database.
    pub async fn reports(&self) -> Result<Vec<ProjectionReport>, OperateError> {
        let mut reports = Vec::new();
        for status in self.list().await? {
            reports.push(self.report(status).await?);
        }
        Ok(reports)
    }

    async fn report(&self, status: ProjectionStatus) -> Result<ProjectionReport, OperateError> {
        let slots = self.slots(&status.projection).await?;
        let runners = self.runners(&status.projection).await?;
        let lag = self.lag(status.position).await?;
        Ok(ProjectionReport { status, lag, slots, runners })
    }

    /// Tells how far the slots that a runner works on are behind the log, of one projection; nothing where it works on
    /// none of them.
    ///
    /// # Errors
    ///
    /// A fault of a database.
    pub async fn lag_of(&self, projection: &Consumer, runner: RunnerId) -> Result<Option<Lag>, OperateError> {
        let slots = self.slots(projection).await?;
        let own = slots.iter().filter(|slot| slot.lease.owner == Some(runner) && !slot.is_free);
        match own.map(|slot| slot.position).min() {
            Some(slowest) => Ok(Some(self.lag(slowest).await?)),
            None => Ok(None),
        }
    }

    /// Looks at the projections that a runner hosts and says in metrics how they are. The gauges hold what was so at the
    /// last call: call it when they are asked for.
    ///
    /// # Errors
    ///
    /// A fault of a database; the gauges stay what they were then.
    pub async fn observe(&self, runner: &RunnerHealth) -> Result<(), OperateError> {
        let observed = self.observe_hosted(runner).await;
        telemetry::count_outcome(&telemetry::LOOKS, observed.is_ok());
        observed
    }

    async fn observe_hosted(&self, runner: &RunnerHealth) -> Result<(), OperateError> {
        for status in self.list().await? {
            if runner.projections().contains(&status.projection) {
                tell(&status, self.lag(status.position).await?);
            }
        }
        Ok(())
    }

    /// Tells how far a position is behind the log.
    async fn lag(&self, position: GlobalPosition) -> Result<Lag, OperateError> {
        let (client, behind) = (self.log().get().await?, &self.statements().log_behind);
        let rows = behind.query(&**client, &[&i64::from(position), &i64::from(Lag::EVENTS_MAX)]).await?;
        let Some(row) = rows.first() else { return Ok(Lag::default()) };
        let age: Option<i64> = row.try_get("age_milliseconds")?;
        Ok(Lag {
            events: u64::try_from(row.try_get::<_, i64>("events")?).unwrap_or_default(),
            // A clock that was set back makes no event of the future.
            age: age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or_default())),
        })
    }
}

/// Says in metrics how a projection is.
fn tell(status: &ProjectionStatus, lag: Lag) {
    let projection = &status.projection;
    let events = usize::try_from(lag.events).unwrap_or(usize::MAX);
    let free = usize::from(status.partitions).saturating_sub(status.leased + status.stopped);
    telemetry::set_slots(projection, status.leased, free, status.stopped);
    for (gauge, value) in [
        (telemetry::PROJECTION_PAUSED, f64::from(u8::from(status.paused))),
        (telemetry::PROJECTION_LAG_EVENTS, telemetry::count(events)),
        (telemetry::PROJECTION_LAG_SECONDS, lag.age.unwrap_or_default().as_secs_f64()),
        (telemetry::PROJECTION_PARKED_KEYS, telemetry::count(status.parked_keys)),
        (telemetry::PROJECTION_PARKED_EVENTS, telemetry::count(status.parked_events)),
    ] {
        telemetry::set_of(&gauge, projection, value);
    }
}
