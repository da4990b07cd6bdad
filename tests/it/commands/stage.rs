//! The server, the processes on it, and what is done to both while commands are carried out.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use tokio::time::Instant;

use super::process::Process;
use super::record::Record;
use crate::support::{Dice, DoomedServer};

/// How many processes take commands at the same time.
const PROCESSES: usize = 2;

pub(super) struct Stage {
    pub(super) record: Arc<Record>,
    pub(super) server: DoomedServer,
    processes: RwLock<Vec<Arc<Process>>>,
    until: Instant,
}

impl Stage {
    pub(super) async fn open(length: Duration) -> Result<Self, TestFailure> {
        let (record, server) = (Arc::<Record>::default(), DoomedServer::start("commands").await?);
        let mut processes = Vec::new();
        for _ in 0..PROCESSES {
            processes.push(Arc::new(Process::start(&server, &record).await?));
        }
        Ok(Self { record, server, processes: RwLock::new(processes), until: Instant::now() + length })
    }

    /// True when it is time to end, and everything was killed at least once, however slow the machine is.
    pub(super) fn is_over(&self) -> bool {
        // The last in turn.
        Instant::now() >= self.until && self.record.times("backends killed") > 0
    }

    /// Returns one of the processes; it may die at any time.
    pub(super) fn process(&self, dice: &mut Dice) -> Arc<Process> {
        Arc::clone(&self.all()[dice.roll(PROCESSES as u64) as usize])
    }

    /// Returns all processes that are running now.
    pub(super) fn all(&self) -> Vec<Arc<Process>> {
        self.processes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills processes, sessions and backends by turns, until the time is over.
    pub(super) async fn kill(&self, mut dice: Dice) -> TestResult {
        for turn in 0_u64.. {
            tokio::time::sleep(Duration::from_millis(150 + dice.roll(500))).await;
            if self.is_over() {
                return Ok(());
            }
            match turn % 4 {
                0 | 2 => self.kill_a_process(&mut dice).await?,
                1 => {
                    self.server.terminate_one().await?;
                    self.record.count("sessions terminated");
                }
                _ => {
                    self.server.kill_one().await?;
                    self.record.count("backends killed");
                }
            }
        }
        Ok(())
    }

    /// Kills a process and starts another in its place.
    async fn kill_a_process(&self, dice: &mut Dice) -> TestResult {
        let place = dice.roll(PROCESSES as u64) as usize;
        self.all()[place].kill();
        self.record.count("processes killed");
        let another = Arc::new(Process::start(&self.server, &self.record).await?);
        self.processes.write().unwrap_or_else(PoisonError::into_inner)[place] = another;
        Ok(())
    }

    /// Ends all processes in an orderly way; nothing is stored afterwards.
    pub(super) async fn close(&self) -> TestResult {
        for process in self.all() {
            process.shut_down().await?;
        }
        self.server.until_alone().await
    }
}
