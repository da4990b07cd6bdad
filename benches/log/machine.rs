//! The machine that the numbers belong to.

use std::fs;
use std::thread::available_parallelism;

/// What is said about the machine beside the results.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// How many threads run at once.
    pub(crate) cores: usize,
    /// The processor's name, where the system tells it.
    pub(crate) processor: Option<String>,
    /// The load before anything was measured.
    pub(crate) load: Option<String>,
}

impl Machine {
    /// Looks at the machine as it is now.
    pub(crate) fn read() -> Self {
        Self { cores: Self::cores(), processor: processor(), load: Self::load() }
    }

    /// Returns how many threads run at once.
    pub(crate) fn cores() -> usize {
        available_parallelism().map_or(1, usize::from)
    }

    /// Returns the load averages of 1, 5 and 15 minutes, where the system tells them.
    pub(crate) fn load() -> Option<String> {
        let text = fs::read_to_string("/proc/loadavg").ok()?;
        Some(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
