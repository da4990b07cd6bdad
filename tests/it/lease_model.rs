//! Lease, epoch and checkpoint, tried out in every order of their steps, over the transitions that the code runs.
//!
//! Two runners share one slot. Each step is a transaction of the database or something that befalls a runner: time
//! goes by, a runner takes, renews or gives back, reads a batch, commits it, crashes – also between any two of these,
//! for however long. What is wrong is found by looking at each commit: it must begin where the last one ended, and
//! nobody may commit after somebody else has taken the slot.

use std::collections::HashSet;
use std::time::Duration;

use annals_eventstore::{Fence, GlobalPosition, Lease, LeaseEpoch, RunnerId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// How far the exploration goes: events in the log, the clock, claims.
const EVENTS: i64 = 3;
const TICKS: i64 = 4;
const EPOCHS: i64 = 4;
const TERM: Duration = Duration::from_secs(2);

/// What is left out of the code, to see that it is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Sound,
    /// A batch commits without a look at the epoch.
    NoEpoch,
    /// Taking a slot leaves its checkpoint alone.
    NoClaim,
    /// A batch commits without a look at where the checkpoint stands.
    NoPosition,
    /// A slot is taken although somebody has it. Harmless, thanks to the epoch.
    NoLease,
}

/// What a runner believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Runner {
    /// The checkpoint as it knows it, under the epoch it has claimed.
    held: Option<Fence>,
    /// A batch on its way: up to here.
    batch: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    now: i64,
    lease: Lease,
    checkpoint: Fence,
    runners: [Runner; 2],
    /// How often each event was applied.
    applied: [u8; EVENTS as usize],
}

/// What is found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    AppliedTwice,
    Skipped,
    CommitOfOneOvertaken,
}

fn id(runner: usize) -> RunnerId {
    RunnerId(Uuid::from_u128(runner as u128 + 1))
}

fn time(tick: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(tick, 0).expect("a few seconds")
}

fn at(position: i64) -> GlobalPosition {
    GlobalPosition::try_from(position).expect("not negative")
}

impl World {
    fn first() -> Self {
        let applied = [0; EVENTS as usize];
        Self {
            now: 1,
            lease: Lease::FREE,
            checkpoint: Fence::default(),
            runners: [Runner::default(); 2],
            applied,
        }
    }

    /// Every world that one step leads to.
    fn next(&self, rule: Rule) -> Vec<Result<Self, Fault>> {
        let mut worlds = Vec::new();
        if self.now < TICKS {
            worlds.push(Ok(Self { now: self.now + 1, ..self.clone() }));
        }
        for runner in 0..2 {
            worlds.extend(self.take(rule, runner).map(Ok));
            worlds.extend(self.renew(runner).map(Ok));
            worlds.extend(self.release(runner).map(Ok));
            worlds.extend(self.read(runner).into_iter().map(Ok));
            worlds.extend(self.commit(rule, runner));
            worlds.push(Ok(self.with(runner, Runner::default())));
        }
        worlds
    }

    fn with(&self, runner: usize, changed: Runner) -> Self {
        let mut world = self.clone();
        world.runners[runner] = changed;
        world
    }

    fn take(&self, rule: Rule, runner: usize) -> Option<Self> {
        let claimed = if rule == Rule::NoClaim { self.checkpoint } else { self.checkpoint.claim() };
        let now = if rule == Rule::NoLease { time(TICKS * 10) } else { time(self.now) };
        let lease = self.lease.take(now, id(runner), claimed.epoch, TERM)?;
        (claimed.epoch.0 <= EPOCHS).then(|| Self {
            lease,
            checkpoint: claimed,
            ..self.with(runner, Runner { held: Some(claimed), batch: None })
        })
    }

    fn renew(&self, runner: usize) -> Option<Self> {
        let held = self.runners[runner].held?;
        let lease = self.lease.renew(time(self.now), id(runner), held.epoch, TERM);
        // Whoever has lost its lease learns it here, if it asks in time.
        Some(match lease {
            Some(lease) => Self { lease, ..self.clone() },
            None => self.with(runner, Runner::default()),
        })
    }

    fn release(&self, runner: usize) -> Option<Self> {
        let held = self.runners[runner].held?;
        let lease = self.lease.release(id(runner), held.epoch)?;
        Some(Self { lease, ..self.with(runner, Runner::default()) })
    }

    fn read(&self, runner: usize) -> Vec<Self> {
        let Runner { held: Some(held), batch: None } = self.runners[runner] else { return Vec::new() };
        let from = i64::from(held.position);
        let batches = (from + 1)..=EVENTS;
        batches.map(|to| self.with(runner, Runner { held: Some(held), batch: Some(to) })).collect()
    }

    /// The commit of a batch; its answer may be lost, and then the checkpoint is read again.
    fn commit(&self, rule: Rule, runner: usize) -> Vec<Result<Self, Fault>> {
        let Runner { held: Some(held), batch: Some(to) } = self.runners[runner] else { return Vec::new() };
        let row = Fence {
            epoch: if rule == Rule::NoEpoch { held.epoch } else { self.checkpoint.epoch },
            position: if rule == Rule::NoPosition { held.position } else { self.checkpoint.position },
        };
        let Some(moved) = row.advance(held, at(to)) else {
            return vec![Ok(self.with(runner, Runner::default()))];
        };
        let moved = Fence { epoch: self.checkpoint.epoch.max(moved.epoch), ..moved };
        let mut world =
            self.with(runner, Runner { held: Some(Fence { position: moved.position, ..held }), batch: None });
        world.checkpoint = moved;
        for event in i64::from(held.position)..to {
            world.applied[usize::try_from(event).expect("not negative")] += 1;
        }
        if held.epoch < self.checkpoint.epoch
            || self.lease.epoch > held.epoch
            || self.is_anothers(runner, held.epoch)
        {
            return vec![Err(Fault::CommitOfOneOvertaken)];
        }
        if world.applied.iter().any(|times| *times > 1) {
            return vec![Err(Fault::AppliedTwice)];
        }
        if world.applied.iter().take(usize::try_from(to).expect("not negative")).any(|times| *times == 0) {
            return vec![Err(Fault::Skipped)];
        }
        // The answer is lost: the runner still holds the batch, and commits it once more unless it looks.
        let unanswered = Self { runners: self.runners, ..world.clone() };
        vec![Ok(world), Ok(unanswered)]
    }

    /// Tells whether the slot was taken by the other one, after this one.
    fn is_anothers(&self, runner: usize, epoch: LeaseEpoch) -> bool {
        self.lease.owner.is_some_and(|owner| owner != id(runner)) && self.lease.epoch >= epoch
    }
}

/// Walks through every world that can be reached; returns how many there are, and what was found wrong.
fn explore(rule: Rule) -> (usize, usize, HashSet<Fault>) {
    let (mut seen, mut faults, mut steps) = (HashSet::from([World::first()]), HashSet::new(), 0);
    let mut open = vec![World::first()];
    while let Some(world) = open.pop() {
        for next in world.next(rule) {
            steps += 1;
            match next {
                Ok(next) => {
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
                Err(fault) => {
                    faults.insert(fault);
                }
            }
        }
    }
    let done = seen.iter().filter(|world| world.applied == [1; EVENTS as usize]).count();
    println!(
        "{rule:?}: {} worlds, {steps} steps, {done} with every event applied, found {faults:?}",
        seen.len()
    );
    (seen.len(), done, faults)
}

#[test]
fn in_every_order_of_steps_each_event_is_applied_once_and_by_the_last_owner() {
    let (worlds, done, faults) = explore(Rule::Sound);

    assert_eq!(faults, HashSet::new());
    assert!(worlds > 1_000, "{worlds} worlds are too few to mean anything");
    assert!(done > 100, "{done} worlds in which the work is done");
}

#[test]
fn without_the_epoch_one_that_was_overtaken_commits() {
    assert!(explore(Rule::NoEpoch).2.contains(&Fault::CommitOfOneOvertaken));
}

#[test]
fn without_a_new_epoch_for_each_owner_one_that_was_overtaken_commits() {
    assert!(explore(Rule::NoClaim).2.contains(&Fault::CommitOfOneOvertaken));
}

#[test]
fn without_the_position_a_batch_whose_answer_was_lost_is_applied_twice() {
    assert!(explore(Rule::NoPosition).2.contains(&Fault::AppliedTwice));
}

#[test]
fn without_the_lease_nothing_goes_wrong_for_time_decides_only_who_works() {
    assert_eq!(explore(Rule::NoLease).2, HashSet::new());
}
