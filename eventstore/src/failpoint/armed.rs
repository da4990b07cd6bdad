//! What the environment of the process says is to happen, and where.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::action::Action;

const POINTS: &str = "ANNALS_FAILPOINTS";
const LOG: &str = "ANNALS_FAILPOINTS_LOG";

/// Something that happens at a point.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shot {
    point: String,
    pub(super) action: Action,
    /// At which hit, counted from 1; at each of them where nothing is said.
    nth: Option<u64>,
}

/// Everything that is to happen in this process.
#[derive(Debug, Default)]
pub(super) struct Armed {
    shots: Vec<Shot>,
    log: Option<File>,
}

/// Tells whether anything is to happen anywhere.
pub fn is_armed() -> bool {
    !armed().shots.is_empty()
}

/// Reads the environment once.
pub(super) fn armed() -> &'static Armed {
    static ARMED: OnceLock<Armed> = OnceLock::new();
    ARMED.get_or_init(|| {
        let Ok(told) = std::env::var(POINTS) else { return Armed::default() };
        let shots = shots(&told).unwrap_or_else(|fault| panic!("{POINTS}: {fault}"));
        let log = std::env::var_os(LOG).map(|path| {
            let open = OpenOptions::new().append(true).create(true).open(&path);
            open.unwrap_or_else(|fault| panic!("{LOG}: {}: {fault}", path.display()))
        });
        Armed { shots, log }
    })
}

impl Armed {
    /// Returns what happens at a hit of a point.
    pub(super) fn shots(&self, point: &str, nth: u64) -> impl Iterator<Item = &Shot> {
        self.shots.iter().filter(move |shot| shot.point == point && shot.nth.is_none_or(|at| at == nth))
    }

    /// Writes down what fires. In one piece: others write to the same file.
    pub(super) fn note(&self, shot: &Shot, nth: u64) {
        let Some(mut log) = self.log.as_ref() else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let line = format!("{now} {} {} {} {nth}\n", std::process::id(), shot.point, shot.action.name());
        log.write_all(line.as_bytes()).expect("what fires can be written down");
    }
}

fn shots(told: &str) -> Result<Vec<Shot>, String> {
    told.split(';').filter(|shot| !shot.is_empty()).map(shot).collect()
}

fn shot(told: &str) -> Result<Shot, String> {
    let not_understood = || format!("{told:?} is not POINT=ACTION or POINT=ACTION@HIT");
    let (point, what) = told.split_once('=').ok_or_else(not_understood)?;
    let (action, nth) = match what.rsplit_once('@') {
        Some((action, nth)) => (action, Some(nth.parse().map_err(|_| not_understood())?)),
        None => (what, None),
    };
    let action = Action::parse(action).ok_or_else(not_understood)?;
    Ok(Shot { point: point.to_owned(), action, nth })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_points_are_told_with_what_happens_and_when() {
        let armed = Armed { shots: shots("a=kill@17;b=pause:/tmp/x;a=error").unwrap(), log: None };

        let at = |point, nth| -> Vec<_> { armed.shots(point, nth).map(|shot| shot.action.name()).collect() };

        assert_eq!(at("a", 1), ["error"]);
        assert_eq!(at("a", 17), ["kill", "error"]);
        assert_eq!(at("b", 3), ["pause"]);
        assert_eq!(at("c", 1), [""; 0]);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for told in ["a", "a=", "a=leave", "a=kill@", "a=kill@x", "a=pause"] {
            assert!(shots(told).is_err(), "{told}");
        }
        assert_eq!(shots(""), Ok(Vec::new()));
    }
}
