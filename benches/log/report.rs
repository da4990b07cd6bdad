//! What is printed: a table for people, or one JSON object a line. Results on stdout, talk on stderr.

use serde_json::{Value, json};

use crate::cpu::CpuTime;
use crate::floor;
use crate::machine::Machine;
use crate::options::Options;
use crate::server::ServerFacts;
use crate::stats::{Latency, Spread};
use crate::verdict::Verdict;

/// Prints results as they come.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints what the numbers belong to.
    pub(crate) fn begin(&self, machine: &Machine, server: &ServerFacts, options: &Options) {
        let seconds = options.slice.as_secs_f64();
        let rounds = options.rounds;
        if self.json {
            let settings: serde_json::Map<String, Value> =
                server.settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let line = json!({
                "cores": machine.cores, "processor": machine.processor, "load_before": machine.load,
                "postgresql": server.version, "settings": settings, "floor": floor::DDL,
                "slice_seconds": seconds, "rounds": rounds, "notify": options.notify,
            });
            println!("{line}");
            return;
        }
        let processor = machine.processor.as_deref().unwrap_or("unknown processor");
        let load = machine.load.as_deref().unwrap_or("unknown");
        println!("machine     {} cores, {processor}; load average {load}", machine.cores);
        println!("postgresql  {}", server.version);
        let settings = server.settings.iter().map(|(name, value)| format!("{name} = {value}"));
        println!("settings    {}", settings.collect::<Vec<_>>().join(", "));
        println!(
            "method      {rounds} pairs of slices of {seconds} s; median (least–most); cpu of client + server"
        );
        println!("floor\n{}", indented(floor::DDL));
        println!(
            "{:<20} {:>22} {:>22} {:>17} {:>14} {:>14} {:>10} {:>10}",
            "scenario/connections", "events/s", "floor/s", "ratio", "p50/p99 ms", "floor", "cpu µs", "floor"
        );
    }

    /// Prints what a contest came to.
    pub(crate) fn verdict(&self, verdict: &Verdict) {
        let Verdict { name, scenario, floor, ratio, .. } = verdict;
        if self.json {
            let line = json!({
                "name": name, "events_per_second": spread(scenario), "floor_per_second": spread(floor),
                "ratio": spread(ratio), "latency_us": latency(verdict.scenario_latency),
                "floor_latency_us": latency(verdict.floor_latency), "cpu_us": cpu(verdict.scenario_cpu),
                "floor_cpu_us": cpu(verdict.floor_cpu),
            });
            println!("{line}");
            return;
        }
        println!(
            "{name:<20} {:>22} {:>22} {:>17} {:>14} {:>14} {:>10} {:>10}",
            spread_text(scenario, 0),
            spread_text(floor, 0),
            spread_text(ratio, 2),
            latency_text(verdict.scenario_latency),
            latency_text(verdict.floor_latency),
            cpu_text(verdict.scenario_cpu),
            cpu_text(verdict.floor_cpu),
        );
    }

    /// Says what could not be measured, and why.
    pub(crate) fn skipped(&self, name: &str, reason: &str) {
        if self.json {
            println!("{}", json!({"name": name, "skipped": reason}));
        } else {
            println!("{name:<20} skipped: {reason}");
        }
    }

    /// Prints the load at the end, and how much was skipped.
    pub(crate) fn end(&self, load: Option<&str>, skipped: usize) {
        if self.json {
            println!("{}", json!({"load_after": load, "skipped": skipped}));
            return;
        }
        println!("load average at the end {}", load.unwrap_or("unknown"));
        if skipped > 0 {
            println!("{skipped} skipped");
        }
    }
}

fn spread(spread: &Spread) -> Value {
    json!({"median": spread.median, "min": spread.min, "max": spread.max})
}

fn latency(latency: Option<Latency>) -> Value {
    latency.map_or(Value::Null, |latency| json!({"p50": latency.p50_us, "p99": latency.p99_us}))
}

fn cpu(cpu: Option<CpuTime>) -> Value {
    cpu.map_or(Value::Null, |cpu| json!({"client": cpu.client_us, "server": cpu.server_us}))
}

/// Client and server.
fn cpu_text(cpu: Option<CpuTime>) -> String {
    cpu.map_or("-".to_owned(), |cpu| {
        // What an event costs to read is a few microseconds, to write a few hundred.
        let digits = usize::from(cpu.client_us + cpu.server_us < 20.0);
        format!("{:.digits$} + {:.digits$}", cpu.client_us, cpu.server_us)
    })
}

fn spread_text(spread: &Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
}

fn latency_text(latency: Option<Latency>) -> String {
    let millis = |micros: u32| f64::from(micros) / 1000.0;
    latency.map_or("-".to_owned(), |latency| {
        format!("{:.2}/{:.2}", millis(latency.p50_us), millis(latency.p99_us))
    })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
