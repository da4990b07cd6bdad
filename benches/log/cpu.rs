//! Processor time, of this process and of the server: what a slice costs, whoever else uses the machine.
//!
//! Read from `/proc`, so on Linux only.

use std::fs;
use std::path::Path;

/// Reads processor time as it has added up since the processes began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuMeter {
    postmaster: Option<u32>,
}

/// Processor time, in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuTime {
    /// Of this process.
    pub(crate) client_us: f64,
    /// Of the server's processes that are alive.
    pub(crate) server_us: f64,
}

impl CpuMeter {
    pub(crate) fn new(postmaster: Option<u32>) -> Self {
        Self { postmaster }
    }

    /// Returns the time so far; `None` where the system does not tell it.
    pub(crate) fn read(self) -> Option<CpuTime> {
        let threads = fs::read_dir("/proc/self/task").ok()?;
        let client_us = threads.flatten().filter_map(|thread| on_cpu_us(&thread.path())).sum();
        let postmaster = self.postmaster?;
        let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
        let server_us = processes
            .filter(|process| parent(process) == Some(postmaster))
            .filter_map(|process| on_cpu_us(&process))
            .sum();
        Some(CpuTime { client_us, server_us })
    }
}

impl std::ops::Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { client_us: self.client_us - earlier.client_us, server_us: self.server_us - earlier.server_us }
    }
}

/// The first number of `schedstat` is the time on a processor, in nanoseconds.
fn on_cpu_us(task: &Path) -> Option<f64> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanos: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanos / 1000.0)
}

/// The parent comes second behind the name, which stands in parentheses and may hold anything.
fn parent(process: &Path) -> Option<u32> {
    let text = fs::read_to_string(process.join("stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
