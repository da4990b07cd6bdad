//! What is done to runners and to their server while they work.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::failpoint::FailPoint;
use tokio::process::Command;
use tokio::time::sleep;

use super::fired::all;
use super::ground::{Ground, RUNNER};
use super::process::Process;
use super::takeover::{Gone, Loss, now};
use crate::support::Dice;

/// So many runners are there at all times.
const RUNNERS: usize = 4;

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Leave,
    Stop,
    Terminate,
    Crash,
}

impl Blow {
    const ALL: [Self; 5] = [Self::Kill, Self::Leave, Self::Stop, Self::Terminate, Self::Crash];

    fn name(self) -> &'static str {
        match self {
            Self::Kill => "runners killed",
            Self::Leave => "runners told to leave",
            Self::Stop => "runners stopped for longer than a lease",
            Self::Terminate => "sessions of runners terminated",
            Self::Crash => "backends of runners killed, and the server with them",
        }
    }
}

/// The runners, and what was done to them.
pub(super) struct Blows {
    ground: Arc<Ground>,
    runners: Vec<Process>,
    dice: Dice,
    pub(super) losses: Vec<Loss>,
    pub(super) disturbances: Vec<i64>,
    pub(super) counts: BTreeMap<&'static str, u64>,
    /// Runners that are started from now on die at fail points.
    are_to_die: bool,
}

impl Blows {
    /// Starts runners, none of which is to die at a fail point.
    pub(super) fn begin(ground: Arc<Ground>, dice: Dice) -> Result<Self, TestFailure> {
        let counts = Blow::ALL.iter().map(|blow| (blow.name(), 0)).collect();
        let (runners, losses, disturbances) = (Vec::new(), Vec::new(), Vec::new());
        let mut blows = Self { ground, runners, dice, losses, disturbances, counts, are_to_die: false };
        for _ in 0..RUNNERS {
            let runner = blows.next_runner()?;
            blows.runners.push(runner);
        }
        Ok(blows)
    }

    /// Lets one runner leave and kills one, and nothing else: so long it takes until others have their slots.
    pub(super) async fn calm_round(&mut self) -> TestResult {
        for blow in [Blow::Leave, Blow::Kill] {
            self.strike(blow).await?;
            self.count(blow.name());
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits until all runners have slots.
    pub(super) async fn settle(&self) -> TestResult {
        let owners = "select count(distinct owner) from annals.leases where lease_until > clock_timestamp()";
        let all = i64::try_from(RUNNERS)?;
        self.ground.until("some runner has no slot", owners, &[], |owners| owners == all).await
    }

    /// Replaces all runners by some that are to die at fail points.
    pub(super) async fn let_them_die(&mut self) -> TestResult {
        self.are_to_die = true;
        for nth in 0..self.runners.len() {
            self.runners[nth].leave().await?;
            self.runners[nth] = self.next_runner()?;
        }
        Ok(())
    }

    /// Does each of the things once, in an order of their own; runners that die meanwhile are replaced.
    pub(super) async fn round(&mut self, is_over: impl Fn() -> bool) -> TestResult {
        let mut left = Blow::ALL.to_vec();
        while !left.is_empty() && !is_over() {
            let blow = left.swap_remove(self.dice.roll(left.len() as u64) as usize);
            self.replace_the_dead()?;
            self.strike(blow).await?;
            self.count(blow.name());
            self.replace_the_dead()?;
            sleep(self.ground.lease / 10 * u32::try_from(1 + self.dice.roll(4))?).await;
        }
        Ok(())
    }

    /// Ends all of them: what they have left to do is others'.
    pub(super) async fn end(mut self) -> Result<Self, TestFailure> {
        for mut runner in std::mem::take(&mut self.runners) {
            if runner.has_ended()?.is_some() || runner.leave().await? {
                self.count("runners dead at a fail point");
            }
        }
        Ok(self)
    }

    async fn strike(&mut self, blow: Blow) -> TestResult {
        let victim = self.victim(blow);
        match blow {
            Blow::Kill => {
                let loss = Loss::of(&self.ground, self.runners[victim].id(), Gone::Killed).await?;
                self.runners[victim].kill().await?;
                self.runners[victim] = self.next_runner()?;
                self.make_good(loss).await
            }
            Blow::Leave => {
                let loss = Loss::of(&self.ground, self.runners[victim].id(), Gone::Left).await?;
                let was_killed = self.runners[victim].leave().await?;
                self.runners[victim] = self.next_runner()?;
                if was_killed {
                    self.count("runners dead at a fail point");
                    return Ok(());
                }
                self.make_good(loss).await
            }
            Blow::Stop => {
                self.disturbances.push(now());
                self.runners[victim].signal("-STOP").await?;
                sleep(self.ground.lease * 3 / 2).await;
                self.runners[victim].signal("-CONT").await
            }
            Blow::Terminate => {
                let session = self.session().await?;
                self.disturbances.push(now());
                self.ground.query("select pg_terminate_backend($1)", &[&session]).await.map(drop)
            }
            Blow::Crash => {
                let session = self.session().await?.to_string();
                self.disturbances.push(now());
                Command::new("kill").args(["-KILL", &session]).status().await?;
                // It answers again when it has recovered.
                self.ground.query("select 1", &[]).await?;
                self.disturbances.push(now());
                Ok(())
            }
        }
    }

    /// Chooses a runner; to leave preferably one that is to die over it.
    fn victim(&mut self, blow: Blow) -> usize {
        let is_to_leave = |runner: &Process| {
            runner.dies_at.is_some_and(|point| point.starts_with("leave_") || point.starts_with("give_back_"))
        };
        let leaves = self.runners.iter().position(is_to_leave).filter(|_| blow == Blow::Leave);
        let any = self.dice.roll(RUNNERS as u64) as usize;
        if self.dice.roll(2) == 0 { leaves.unwrap_or(any) } else { any }
    }

    /// Chooses a session of a runner, preferably one in the middle of something.
    async fn session(&self) -> Result<i32, TestFailure> {
        let busy = "select pid from pg_stat_activity where application_name = $1
                    order by state = 'idle', random() limit 1";
        loop {
            if let Some(row) = self.ground.query(busy, &[&RUNNER]).await?.first() {
                return Ok(row.get(0));
            }
            sleep(self.ground.lease / 100).await;
        }
    }

    async fn make_good(&mut self, loss: Loss) -> TestResult {
        loss.is_made_good(&self.ground).await?;
        self.losses.push(loss);
        Ok(())
    }

    fn replace_the_dead(&mut self) -> TestResult {
        for nth in 0..self.runners.len() {
            if self.runners[nth].has_ended()?.is_some() {
                self.count("runners dead at a fail point");
                self.runners[nth] = self.next_runner()?;
            }
        }
        Ok(())
    }

    /// Starts a runner, if it is to die at a fail point: preferably where none has died and none will yet.
    fn next_runner(&mut self) -> Result<Process, TestFailure> {
        self.count("runners started");
        if !self.are_to_die {
            return Process::start(&self.ground, "");
        }
        let shots = self.ground.fired.shots()?;
        let died: HashSet<&str> =
            shots.iter().filter(|shot| shot.action == "kill").map(|shot| shot.point.as_str()).collect();
        let armed: HashSet<&str> = self.runners.iter().filter_map(|runner| runner.dies_at).collect();
        let names: Vec<&'static str> = all().map(FailPoint::name).collect();
        let is_new = |point: &&&str| !died.contains(**point) && !armed.contains(**point);
        let new: Vec<&'static str> = names.iter().filter(is_new).copied().collect();
        let mut draw = |points: &[&'static str]| points[self.dice.roll(points.len() as u64) as usize];
        let point = draw(if new.is_empty() { &names } else { &new });
        let (one, other) = (draw(&names), draw(&names));
        let nth = 1 + self.dice.roll(hits(point));
        let (a, b) = (1 + self.dice.roll(20), 1 + self.dice.roll(20));
        let besides = format!("{one}=error@{a};{other}=error@{b};{}", needs(point));
        Process::start_to_die(&self.ground, point, nth, &besides)
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// Among how many hits of a fail point one is drawn: more where there are many a second.
pub(super) fn hits(point: &str) -> u64 {
    match point {
        "slot_before_reload" | "slot_after_reload" => 3,
        "slot_after_rollback" => 1,
        "parking_before_savepoint" | "parking_before_release" => 60,
        _ if point.starts_with("slot_") => 60,
        _ if point.starts_with("heart_") || point.starts_with("leases_") => 5,
        _ if point.starts_with("coordinator_") || point.starts_with("take_") => 2,
        _ => 1,
    }
}

/// Which other faults a fail point needs, so that it is come to.
pub(super) fn needs(point: &str) -> &'static str {
    match point {
        "slot_after_rollback" => "parking_before_savepoint=error@3",
        "errand_after_rollback" => "retry_before_request=error@1",
        _ => "",
    }
}
