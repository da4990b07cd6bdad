//! Runners under fire: whatever becomes of them, every event counts once, and those of a key in their order.
//!
//! Runners are processes of their own. They are killed and stopped by signals at random and in the middle of every gap
//! that has a fail point, their sessions are ended, and the server with them; what stands in the tables afterwards is
//! compared with the log.
//!
//! `ANNALS_FIRE_SECONDS` says how long four runners are under fire, 30 by default, and `ANNALS_FIRE_ROUNDS` how often one
//! is stopped in the middle of something, 5 by default; `just fire` takes 300 seconds and 50 rounds.
//! `ANNALS_FIRE_SEED` draws the same blows again; where they fall is left to the machine.

mod appender;
mod blows;
mod care;
mod fired;
mod gaps;
mod ground;
mod hosted;
mod judge;
mod process;
mod sleepers;
mod takeover;
mod under_fire;
mod unfenced;

/// Reads a number from the environment.
fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|number| number.parse().ok())
}

/// Returns the seed of this run, and tells it.
fn seed() -> u64 {
    let seed = number_of("ANNALS_FIRE_SEED").unwrap_or_else(|| std::process::id().into());
    println!("fire: ANNALS_FIRE_SEED={seed}");
    seed
}
