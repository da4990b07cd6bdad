//! The options of the benchmark.

use std::path::PathBuf;
use std::time::Duration;

use crate::follower::FOLLOW;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
usage: cargo bench --bench log -- [FILTER...] [OPTIONS]

  FILTER              run only what has this in its name, as in append, append-fresh/32, read;
                      floor-vs-pgbench runs only when it is named
  --json              one JSON object a line instead of a table
  --seconds N         how long one slice takes (3; fractions are taken)
  --rounds N          how many slices each side gets (7)
  --connections LIST  how many connections write or read at once (1,8,32,64)
  --events N          how many events are in the log that is read (200000)
  --no-notify         the store sends no wake-ups
  --sql FILE          run this on each database after migrating, to try a change of the log's SQL
  --set NAME=VALUE    a setting of the server, above those of the durable profile
";

/// What to measure, and how long.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Parts of names; everything when there are none.
    pub(crate) filters: Vec<String>,
    /// Whether results are JSON.
    pub(crate) json: bool,
    /// How long one side works before the other has its turn.
    pub(crate) slice: Duration,
    /// How many turns each side has.
    pub(crate) rounds: usize,
    /// How many connections work at once, one measurement each.
    pub(crate) connections: Vec<usize>,
    /// How many events the reading scenarios read.
    pub(crate) events: usize,
    /// Whether the store sends wake-ups, as it does by default.
    pub(crate) notify: bool,
    /// SQL to be run after the migrations.
    pub(crate) sql: Option<PathBuf>,
    /// Settings of the server.
    pub(crate) settings: Vec<(String, String)>,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Run(Options),
    /// To be the other process of the live scenario.
    Follow(String),
    Print(&'static str),
}

impl Options {
    /// Long enough to mean something.
    fn measuring() -> Self {
        Self {
            filters: Vec::new(),
            json: false,
            slice: Duration::from_secs(3),
            rounds: 7,
            connections: vec![1, 8, 32, 64],
            events: 200_000,
            notify: true,
            sql: None,
            settings: Vec::new(),
        }
    }

    /// Just long enough to see that everything runs, for `cargo test --all-targets`.
    fn trying() -> Self {
        Self {
            slice: Duration::from_millis(200),
            rounds: 1,
            connections: vec![1, 4],
            events: 5_000,
            ..Self::measuring()
        }
    }

    /// Tells whether something of this name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.names(name)
    }

    /// Tells whether something of this name was asked for by a filter.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}

/// Reads the command line.
///
/// # Errors
///
/// A sentence about the first thing that is wrong with it.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let arguments: Vec<String> = arguments.into_iter().collect();
    // `cargo bench` says so, `cargo test` does not.
    let is_bench = arguments.iter().any(|argument| argument == "--bench");
    let mut options = if is_bench { Options::measuring() } else { Options::trying() };
    let mut rest = arguments.into_iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            FOLLOW => return Ok(Command::Follow(value()?)),
            "--help" | "-h" => return Ok(Command::Print(USAGE)),
            // Asked by test runners: there are no tests in here.
            "--list" => return Ok(Command::Print("")),
            "--json" => options.json = true,
            "--no-notify" => options.notify = false,
            "--seconds" => options.slice = seconds(&value()?)?,
            "--rounds" => options.rounds = count(&value()?)?,
            "--events" => options.events = count(&value()?)?,
            "--connections" => {
                options.connections = value()?.split(',').map(count).collect::<Result<_, _>>()?;
            }
            "--sql" => options.sql = Some(value()?.into()),
            "--set" => options.settings.push(setting(&value()?)?),
            option if option.starts_with('-') => return Err(format!("there is no option {option}")),
            _ => options.filters.push(argument),
        }
    }
    Ok(Command::Run(options))
}

fn count(text: &str) -> Result<usize, String> {
    text.trim().parse().ok().filter(|&n| n > 0).ok_or_else(|| format!("{text:?} is no count above 0"))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|&seconds: &f64| seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text:?} is no number of seconds"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
