//! What a contest came to.

use crate::cpu::CpuTime;
use crate::stats::{Latency, Spread};

/// What a contest came to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// As in `append-fresh/32`.
    pub(crate) name: String,
    /// Events per second of the scenario.
    pub(crate) scenario: Spread,
    /// Events per second of the floor.
    pub(crate) floor: Spread,
    /// The scenario's rate as a part of the floor's, pair by pair.
    pub(crate) ratio: Spread,
    /// How long the scenario's operations took, over all slices.
    pub(crate) scenario_latency: Option<Latency>,
    /// How long the floor's operations took.
    pub(crate) floor_latency: Option<Latency>,
    /// The processor time of one event of the scenario.
    pub(crate) scenario_cpu: Option<CpuTime>,
    /// The processor time of one event of the floor.
    pub(crate) floor_cpu: Option<CpuTime>,
}
