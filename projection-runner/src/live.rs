//! `/livez`: whether the loops of the runner turn. Where one stands still only a restart helps.
//!
//! A database that is down stops no loop: each turn fails, and the next one is tried.

use std::time::Duration;

use annals_projections::RunnerHealth;
use axum::http::StatusCode;
use serde::Serialize;

/// How many leases long a loop may stand still. Within one it turns three times.
const LEASES: u32 = 3;

/// What the page says.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    alive: bool,
    reason: Option<String>,
    /// What is asked of a loop, in seconds.
    limit_seconds: f64,
    loops: Vec<Turn>,
}

#[derive(Debug, Serialize)]
struct Turn {
    #[serde(rename = "loop")]
    name: &'static str,
    age_seconds: f64,
}

impl Live {
    /// Looks at a runner, if it has started.
    pub(crate) fn of(runner: Option<&RunnerHealth>) -> Self {
        let limit = runner.map(|runner| runner.lease() * LEASES).unwrap_or_default();
        let turns = runner.map(|runner| runner.turns().to_vec()).unwrap_or_default();
        // Whoever is stopping finishes batches and turns no more; that ends by itself, after the grace.
        let is_working = runner.is_some_and(|runner| !runner.is_stopping());
        let still = turns.iter().find(|turn| is_working && turn.ago > limit);
        Self {
            alive: still.is_none(),
            reason: still.map(|turn| standing(turn.name, turn.ago)),
            limit_seconds: limit.as_secs_f64(),
            loops: turns
                .iter()
                .map(|turn| Turn { name: turn.name, age_seconds: turn.ago.as_secs_f64() })
                .collect(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        if self.alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

fn standing(name: &str, ago: Duration) -> String {
    format!("the loop {name} has stood still for {:.1} s", ago.as_secs_f64())
}
