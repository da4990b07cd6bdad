//! Lines on standard error: each at most once per process.

use std::{
    collections::HashSet,
    io::{self, Write},
    sync::{LazyLock, Mutex, PoisonError},
};

static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// Says a line that matters only when something else goes wrong; the test harness shows it with a failed test.
pub(crate) fn note(line: &str) {
    if is_new(line) {
        eprintln!("annals: {line}");
    }
}

/// Says a line that must be seen even where a test harness keeps the output of tests back.
pub(crate) fn say(line: &str) {
    if is_new(line) {
        // A closed standard error is no reason to fail.
        let _ = writeln!(io::stderr(), "annals: {line}");
    }
}

fn is_new(line: &str) -> bool {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned())
}
