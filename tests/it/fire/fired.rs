//! Which fail points have fired, as the processes themselves wrote down before anything happened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use annals_devdb::TestFailure;
use annals_eventstore::failpoint::FailPoint;

/// Something that has happened at a fail point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shot {
    /// When, in milliseconds since 1970.
    pub(super) at: i64,
    pub(super) process: u32,
    pub(super) point: String,
    pub(super) action: String,
}

/// The file that they share.
#[derive(Debug)]
pub(super) struct Fired(PathBuf);

impl Fired {
    pub(super) fn in_file(name: &str) -> Self {
        let file = format!("annals-fired-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn shots(&self) -> Result<Vec<Shot>, TestFailure> {
        let told = match std::fs::read_to_string(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            told => told?,
        };
        told.lines()
            .map(|line| {
                let mut words = line.split(' ');
                let mut word = || words.next().ok_or_else(|| format!("{line:?} is cut off"));
                let (at, process) = (word()?.parse()?, word()?.parse()?);
                Ok(Shot { at, process, point: word()?.to_owned(), action: word()?.to_owned() })
            })
            .collect()
    }

    /// Counts the shots of each fail point by what they did, points that never fired included.
    pub(super) fn counts(&self) -> Result<BTreeMap<&'static str, BTreeMap<String, usize>>, TestFailure> {
        let mut counts: BTreeMap<_, BTreeMap<String, usize>> =
            all().map(|point| (point.name(), BTreeMap::new())).collect();
        for shot in self.shots()? {
            let of_point = counts.iter_mut().find(|(point, _)| **point == shot.point);
            let (_, actions) = of_point.ok_or_else(|| format!("{} is no fail point", shot.point))?;
            *actions.entry(shot.action).or_default() += 1;
        }
        Ok(counts)
    }

    /// Tells every fail point with its counts, and returns those that never fired.
    pub(super) fn report(&self) -> Result<Vec<&'static str>, TestFailure> {
        let counts = self.counts()?;
        for (point, actions) in &counts {
            let actions: Vec<String> = actions.iter().map(|(action, n)| format!("{n} {action}")).collect();
            println!("  {point:<30} {}", actions.join(", "));
        }
        Ok(counts.iter().filter(|(_, actions)| actions.is_empty()).map(|(point, _)| *point).collect())
    }
}

impl Drop for Fired {
    fn drop(&mut self) {
        // What cannot be removed is the system's to clean.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Every fail point of a runner.
pub(super) fn all() -> impl Iterator<Item = &'static FailPoint> {
    annals_eventstore::failpoint::ALL.iter().chain(annals_projections::failpoint::ALL).copied()
}
