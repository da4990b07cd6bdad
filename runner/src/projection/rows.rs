//! Projections, slots and runners as they are written: as JSON, or as the cells of a table.

use annals_eventstore::postgres::SlotStatus;
use annals_projections::{LiveRunner, ProjectionReport, ProjectionStatus};
use serde::Serialize;

/// A projection at a glance.
#[derive(Debug, Serialize)]
pub(crate) struct ProjectionRow {
    pub(crate) projection: String,
    pub(crate) version: i32,
    pub(crate) position: i64,
    slots: u16,
    leased: usize,
    stopped: usize,
    paused: bool,
    standing: &'static str,
    parked_keys: usize,
    parked_events: usize,
}

/// A slot of a projection.
#[derive(Debug, Serialize)]
pub(crate) struct SlotRow {
    partition: u16,
    position: i64,
    owner: Option<String>,
    epoch: i64,
    lease_seconds: u64,
    stopped: Option<String>,
}

/// A runner that hosts a projection.
#[derive(Debug, Serialize)]
pub(crate) struct RunnerRow {
    runner: String,
    name: String,
    address: Option<String>,
    build: String,
    slots: usize,
}

/// A projection in full, as `status --json` and the page of projections write it.
#[derive(Debug, Serialize)]
pub struct ReportRow {
    #[serde(flatten)]
    pub(crate) projection: ProjectionRow,
    /// Events of the log that its slowest slot has not passed, counted up to 10 000.
    pub(crate) lag_events: u64,
    /// How old the first of them is; null where there is none.
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) leases: Vec<SlotRow>,
    pub(crate) runners: Vec<RunnerRow>,
}

impl From<&ProjectionStatus> for ProjectionRow {
    fn from(status: &ProjectionStatus) -> Self {
        Self {
            projection: status.projection.name.clone(),
            version: status.projection.version,
            position: status.position.into(),
            slots: status.partitions,
            leased: status.leased,
            stopped: status.stopped,
            paused: status.paused,
            standing: status.standing.as_str(),
            parked_keys: status.parked_keys,
            parked_events: status.parked_events,
        }
    }
}

impl From<&SlotStatus> for SlotRow {
    fn from(slot: &SlotStatus) -> Self {
        let owner = slot.lease.owner.filter(|_| !slot.is_free);
        Self {
            partition: slot.partition.0,
            position: slot.position.into(),
            owner: owner.map(|owner| owner.to_string()),
            epoch: slot.lease.epoch.0,
            lease_seconds: if slot.is_free { 0 } else { slot.remaining.as_secs() },
            stopped: slot.stopped.clone(),
        }
    }
}

impl From<&LiveRunner> for RunnerRow {
    fn from(runner: &LiveRunner) -> Self {
        Self {
            runner: runner.id.to_string(),
            name: runner.name.clone(),
            address: runner.address.clone(),
            build: runner.build.clone(),
            slots: runner.slots,
        }
    }
}

impl From<&ProjectionReport> for ReportRow {
    fn from(report: &ProjectionReport) -> Self {
        Self {
            projection: ProjectionRow::from(&report.status),
            lag_events: report.lag.events,
            lag_seconds: report.lag.age.map(|age| age.as_secs_f64()),
            leases: report.slots.iter().map(SlotRow::from).collect(),
            runners: report.runners.iter().map(RunnerRow::from).collect(),
        }
    }
}

impl ProjectionRow {
    pub(crate) const HEADER: [&'static str; 7] =
        ["projection", "version", "position", "slots", "leased", "state", "parked"];

    pub(crate) fn cells(&self) -> Vec<String> {
        let parked = match self.parked_events {
            0 => "-".to_owned(),
            events => format!("{events} of {} keys", self.parked_keys),
        };
        let (version, position) = (self.version.to_string(), self.position.to_string());
        let (slots, leased) = (self.slots.to_string(), self.leased.to_string());
        vec![self.projection.clone(), version, position, slots, leased, self.state(), parked]
    }

    /// Tells in a word how it is.
    pub(crate) fn state(&self) -> String {
        match (self.paused, self.stopped) {
            _ if self.standing != "live" => self.standing.to_owned(),
            (true, _) => "paused".to_owned(),
            (false, 0) => "runs".to_owned(),
            (false, stopped) => format!("{stopped} stopped"),
        }
    }
}

impl SlotRow {
    pub(crate) const HEADER: [&'static str; 6] = ["slot", "position", "owner", "epoch", "lease", "stopped"];

    pub(crate) fn cells(&self) -> Vec<String> {
        let owner = self.owner.clone().unwrap_or_else(|| "-".to_owned());
        let (slot, position) = (self.partition.to_string(), self.position.to_string());
        let (epoch, lease) = (self.epoch.to_string(), format!("{} s", self.lease_seconds));
        vec![slot, position, owner, epoch, lease, self.stopped.clone().unwrap_or_default()]
    }
}

impl RunnerRow {
    pub(crate) const HEADER: [&'static str; 5] = ["runner", "name", "address", "build", "slots"];

    pub(crate) fn cells(&self) -> Vec<String> {
        let address = self.address.clone().unwrap_or_else(|| "-".to_owned());
        vec![self.runner.clone(), self.name.clone(), address, self.build.clone(), self.slots.to_string()]
    }
}
