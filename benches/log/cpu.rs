//! Processor time, of this process and of the server: what a slice costs, whoever else uses the machine.
//!
//! Read from `/proc`, so on Linux only.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads processor time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuMeter {
    postmaster: Option<u32>,
}

/// Processor time as it has added up since each task began, in microseconds.
#[derive(Debug)]
pub(crate) struct CpuReading {
    client: HashMap<PathBuf, f64>,
    server: HashMap<PathBuf, f64>,
}

/// Processor time, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuTime {
    /// Of this process.
    pub(crate) client_us: f64,
    /// Of the server.
    pub(crate) server_us: f64,
}

impl CpuMeter {
    pub(crate) fn new(postmaster: Option<u32>) -> Self {
        Self { postmaster }
    }

    /// Returns the time so far; `None` where the system does not tell it.
    pub(crate) fn read(self) -> Option<CpuReading> {
        let postmaster = self.postmaster?;
        Some(CpuReading {
            client: on_cpu_us(Path::new("/proc/self/task"), |_| true)?,
            server: on_cpu_us(Path::new("/proc"), |process| parent(process) == Some(postmaster))?,
        })
    }
}

impl CpuReading {
    /// Returns the time between two readings, of the tasks that live at the second.
    pub(crate) fn since(&self, earlier: &Self) -> CpuTime {
        CpuTime {
            client_us: difference(&self.client, &earlier.client),
            server_us: difference(&self.server, &earlier.server),
        }
    }
}

fn difference(now: &HashMap<PathBuf, f64>, earlier: &HashMap<PathBuf, f64>) -> f64 {
    now.iter().map(|(task, us)| us - earlier.get(task).copied().unwrap_or_default()).sum()
}

/// The first number of `schedstat` is the time on a processor, in nanoseconds.
fn on_cpu_us(folder: &Path, counts: impl Fn(&Path) -> bool) -> Option<HashMap<PathBuf, f64>> {
    let tasks = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).filter(|task| counts(task));
    let time = |task: PathBuf| {
        let text = fs::read_to_string(task.join("schedstat")).ok()?;
        let nanos: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some((task, nanos / 1000.0))
    };
    Some(tasks.filter_map(time).collect())
}

/// The parent comes second behind the name, which stands in parentheses and may hold anything.
fn parent(process: &Path) -> Option<u32> {
    let text = fs::read_to_string(process.join("stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
