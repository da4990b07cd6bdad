//! A crew: workers with a connection each, working side by side for a slice of time.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Outcome;
use crate::cpu::CpuTime;

/// What one side of a contest did in one slice of time.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    /// From the start to the end of the last operation.
    pub(crate) elapsed: Duration,
    /// What was acknowledged or read: events, whatever the number of operations.
    pub(crate) events: u64,
    /// How long each operation took.
    pub(crate) latencies_us: Vec<u32>,
    /// The processor time it took, where that is known.
    pub(crate) cpu: Option<CpuTime>,
}

impl Slice {
    /// Returns the events per second.
    pub(crate) fn rate(&self) -> f64 {
        // A count of events in seconds stays far below the 2^53 that f64 keeps exactly.
        self.events as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the processor time of one event.
    pub(crate) fn cpu_per_event(&self) -> Option<CpuTime> {
        let events = self.events as f64;
        self.cpu.map(|cpu| CpuTime { client_us: cpu.client_us / events, server_us: cpu.server_us / events })
    }
}

/// One side of a contest: it works for a while when it is told to.
pub(crate) trait Side {
    /// Works so long, then finishes what it has begun.
    fn work(&mut self, length: Duration) -> Working<'_>;

    /// Tells whether its processor time can be read: not where its processes end with its work.
    fn is_metered(&self) -> bool {
        true
    }
}

pub(crate) type Working<'a> = Pin<Box<dyn Future<Output = Outcome<Slice>> + 'a>>;

/// Works on one connection, one operation after the other.
pub(crate) trait Worker: Send + 'static {
    /// Does one operation; returns how many events it wrote or read.
    fn operate(&mut self) -> impl Future<Output = Outcome<u64>> + Send;
}

/// Workers that work at the same time.
#[derive(Debug)]
pub(crate) struct Crew<W>(pub(crate) Vec<W>);

impl<W: Worker> Side for Crew<W> {
    fn work(&mut self, length: Duration) -> Working<'_> {
        Box::pin(async move {
            let begin = Instant::now();
            let mut shifts = JoinSet::new();
            for worker in self.0.drain(..) {
                shifts.spawn(shift(worker, begin + length));
            }
            let mut all = Slice::default();
            while let Some(ended) = shifts.join_next().await {
                let (worker, slice) = ended??;
                self.0.push(worker);
                all.events += slice.events;
                all.latencies_us.extend(slice.latencies_us);
            }
            all.elapsed = begin.elapsed();
            Ok(all)
        })
    }
}

async fn shift<W: Worker>(mut worker: W, end: Instant) -> Outcome<(W, Slice)> {
    let mut slice = Slice::default();
    let mut begin = Instant::now();
    while begin < end {
        slice.events += worker.operate().await?;
        let done = Instant::now();
        slice.latencies_us.push((done - begin).as_micros().try_into().unwrap_or(u32::MAX));
        begin = done;
    }
    Ok((worker, slice))
}
