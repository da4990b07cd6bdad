//! Runners as processes.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::process::{Child, Command};

use super::ground::Ground;
use super::hosted::{LEASE, LOG};

/// A process that runs until it is told to stop, or worse.
pub(super) struct Process {
    child: Child,
    id: u32,
    /// The fail point at which it is to die, if it is.
    pub(super) dies_at: Option<&'static str>,
}

impl Process {
    /// Starts one; what is to happen at which fail points is written as the library reads it.
    pub(super) fn start(ground: &Ground, fail_points: &str) -> Result<Self, TestFailure> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--exact", "fire::hosted::a_runner_under_fire", "--ignored", "--nocapture"])
            .env(LOG, ground.runner_url())
            .env(LEASE, ground.lease.as_millis().to_string())
            .env("ANNALS_FAILPOINTS", fail_points)
            .env("ANNALS_FAILPOINTS_LOG", ground.fired.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let child = command.spawn()?;
        let id = child.id().ok_or("a process that was just started has an id")?;
        Ok(Self { child, id, dies_at: None })
    }

    /// Starts one that dies at a fail point, at one of its first hits; other faults may be told behind it.
    pub(super) fn start_to_die(
        ground: &Ground,
        point: &'static str,
        nth: u64,
        besides: &str,
    ) -> Result<Self, TestFailure> {
        let process = Self::start(ground, &format!("{point}=kill@{nth};{besides}"))?;
        Ok(Self { dies_at: Some(point), ..process })
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Sends a signal, such as `-STOP`. Nothing happens to one that has ended: it is not waited for before.
    pub(super) async fn signal(&self, signal: &str) -> TestResult {
        // As long as it was not waited for, its id is nobody else's.
        let Some(id) = self.child.id() else { return Ok(()) };
        let sent = Command::new("kill").args([signal, &id.to_string()]).status().await?;
        if !sent.success() {
            return Err(format!("{signal} was not sent to {id}").into());
        }
        Ok(())
    }

    /// Tells whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> Result<Option<ExitStatus>, TestFailure> {
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus, TestFailure> {
        Ok(self.child.wait().await?)
    }

    /// Kills it.
    pub(super) async fn kill(&mut self) -> TestResult {
        Ok(self.child.kill().await?)
    }

    /// Tells it to leave, and waits until it has; tells whether it was killed on the way.
    pub(super) async fn leave(&mut self) -> Result<bool, TestFailure> {
        self.signal("-TERM").await?;
        let ended = tokio::time::timeout(Duration::from_secs(45), self.ended()).await??;
        if !ended.success() && ended.signal().is_none() {
            return Err(format!("a runner that was told to leave has failed: {ended}").into());
        }
        Ok(ended.signal().is_some())
    }

    /// Waits until it stands still.
    pub(super) async fn stands_still(&self) -> TestResult {
        let stat = format!("/proc/{}/stat", self.id);
        let stands = async {
            // The state stands behind the name, which is in parentheses.
            while !std::fs::read_to_string(&stat)?.rsplit(") ").next().unwrap_or_default().starts_with('T') {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), stands).await?
    }
}
