//! A contest: a scenario and its floor, slice by slice in turn.
//!
//! Guarantees
//! - the two slices of a pair follow each other at once, so that the drift of a shared machine hits both;
//! - who of the two begins changes with every pair, and which contest begins with every round;
//! - both sides are warmed up before the first slice that counts.

use std::time::Duration;

use crate::Outcome;
use crate::bench::Bench;
use crate::cpu::{CpuMeter, CpuTime};
use crate::crew::{Side, Slice};
use crate::stats::{Latency, Spread};
use crate::verdict::Verdict;

/// How long both sides work before anything counts: connections, plans and caches.
const WARM_UP: Duration = Duration::from_secs(1);

/// A scenario against its floor.
pub(crate) struct Contest {
    name: String,
    scenario: Contestant,
    floor: Contestant,
}

/// One side, and what it has done so far.
struct Contestant {
    side: Box<dyn Side>,
    slices: Vec<Slice>,
    /// All events, those of the warm-up too.
    events: u64,
}

impl Contest {
    pub(crate) fn new(name: String, scenario: impl Side + 'static, floor: impl Side + 'static) -> Self {
        Self { name, scenario: Contestant::new(scenario), floor: Contestant::new(floor) }
    }

    /// Returns how many events the scenario and the floor have moved.
    pub(crate) fn events(&self) -> (u64, u64) {
        (self.scenario.events, self.floor.events)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let pairs = self.scenario.slices.iter().zip(&self.floor.slices);
        Verdict {
            name: self.name.clone(),
            scenario: self.scenario.rates(),
            floor: self.floor.rates(),
            ratio: Spread::of(pairs.map(|(scenario, floor)| scenario.rate() / floor.rate())),
            scenario_latency: self.scenario.latency(),
            floor_latency: self.floor.latency(),
            scenario_cpu: self.scenario.cpu(),
            floor_cpu: self.floor.cpu(),
        }
    }

    async fn pair(&mut self, scenario_first: bool, length: Duration, meter: CpuMeter) -> Outcome {
        let (first, second) = match scenario_first {
            true => (&mut self.scenario, &mut self.floor),
            false => (&mut self.floor, &mut self.scenario),
        };
        first.measure(length, meter).await?;
        second.measure(length, meter).await
    }
}

impl Contestant {
    fn new(side: impl Side + 'static) -> Self {
        Self { side: Box::new(side), slices: Vec::new(), events: 0 }
    }

    async fn work(&mut self, length: Duration) -> Outcome<Slice> {
        let slice = self.side.work(length).await?;
        self.events += slice.events;
        Ok(slice)
    }

    async fn measure(&mut self, length: Duration, meter: CpuMeter) -> Outcome {
        let meter = self.side.is_metered().then_some(meter);
        let before = meter.and_then(CpuMeter::read);
        let mut slice = self.work(length).await?;
        slice.cpu = before.and_then(|before| Some(meter?.read()?.since(&before)));
        self.slices.push(slice);
        Ok(())
    }

    fn rates(&self) -> Spread {
        Spread::of(self.slices.iter().map(Slice::rate))
    }

    /// The median of the slices.
    fn cpu(&self) -> Option<CpuTime> {
        let costs: Option<Vec<CpuTime>> = self.slices.iter().map(Slice::cpu_per_event).collect();
        let costs = costs.filter(|costs| !costs.is_empty())?;
        Some(CpuTime {
            client_us: Spread::of(costs.iter().map(|cost| cost.client_us)).median,
            server_us: Spread::of(costs.iter().map(|cost| cost.server_us)).median,
        })
    }

    fn latency(&self) -> Option<Latency> {
        Latency::of(self.slices.iter().flat_map(|slice| &slice.latencies_us).copied().collect())
    }
}

/// Runs contests side by side, round by round.
pub(crate) async fn run(contests: &mut [Contest], bench: &Bench) -> Outcome {
    let Bench { options, .. } = bench;
    let meter = CpuMeter::new(bench.server.server().pid());
    for contest in contests.iter_mut() {
        eprintln!("{} ...", contest.name);
        contest.scenario.work(WARM_UP.min(options.slice)).await?;
        contest.floor.work(WARM_UP.min(options.slice)).await?;
    }
    let count = contests.len();
    for round in 0..options.rounds {
        for turn in 0..count {
            let contest = &mut contests[(round + turn) % count];
            contest.pair(round % 2 == 0, options.slice, meter).await?;
        }
    }
    Ok(())
}
