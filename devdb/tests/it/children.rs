//! This binary run again as another process, with one test in it that acts instead of passing at once.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

/// Says that this process is a child, and what it is to do.
const ROLE: &str = "ANNALS_DEVDB_TEST_ROLE";

/// Returns what this process is to do, in a test that only acts in a child.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Returns the command that runs one test of this binary in a child, with servers in this folder.
pub(crate) fn command(test: &str, role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env_remove("DATABASE_URL").env(ROLE, role).env("ANNALS_DEVDB_DIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Reads the child's output up to the line that begins with this word, and returns the rest of the line.
pub(crate) fn said(child: &mut Child, word: &str) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    lines.find_map(|line| value(&line, word)).unwrap_or_else(|| panic!("the child ended without {word}"))
}

/// Returns what the finished child printed after this word.
pub(crate) fn answer(output: &Output, word: &str) -> Option<String> {
    text(output).lines().find_map(|line| value(line, word))
}

/// Returns all that the finished child printed.
pub(crate) fn text(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The test harness may have begun the line with the test's name.
fn value(line: &str, word: &str) -> Option<String> {
    let (_, value) = line.split_once(&format!("{word}="))?;
    Some(value.trim().to_owned())
}
