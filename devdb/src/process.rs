//! Other processes: whether they live, whether they are our server, signals to them.
//!
//! Guarantees
//! - a dead process that nobody has waited for (a zombie) counts as dead;
//! - a process id that was given out again is told from the one meant, by the start time.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::host::{hashed, output};

/// What a signal asks of a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    /// Fast shutdown: open transactions are rolled back, a checkpoint is written.
    Interrupt,
    /// Immediate shutdown: recovery runs at the next start.
    Quit,
    /// No shutdown at all.
    Kill,
}

/// Returns a number that tells a live process from any other that bears its id before or after; `None` when dead.
pub(crate) fn started(pid: u32) -> Option<u64> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => start_ticks(&stat),
        Err(_) if has_proc() => None,
        Err(_) => {
            let line = output("ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
            let (state, since) = line.trim().split_once(char::is_whitespace)?;
            if state.starts_with('Z') {
                None
            } else {
                u64::from_str_radix(&hashed(since.trim(), 10), 16).ok()
            }
        }
    }
}

/// True when the process is a postmaster that was started with this data folder.
pub(crate) fn is_postmaster_of(pid: u32, data: &Path) -> bool {
    let arguments: Vec<String> = match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(line) => {
            line.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
        }
        Err(_) if has_proc() => return false,
        Err(_) => {
            let Some(line) = output("ps", &["-o", "command=", "-p", &pid.to_string()]) else { return false };
            return line.contains("postgres") && line.contains(&format!("-D {} ", data.display()));
        }
    };
    let is_postgres = arguments.first().is_some_and(|program| program.ends_with("postgres"));
    is_postgres && arguments.windows(2).any(|pair| pair[0] == "-D" && Path::new(&pair[1]) == data)
}

/// Sends a signal; false when the process could not be reached.
///
/// Through the shell's own `kill`, since the standard library has none and not every system has the program.
pub(crate) fn send(signal: Signal, pid: u32) -> bool {
    let name = match signal {
        Signal::Interrupt => "INT",
        Signal::Quit => "QUIT",
        Signal::Kill => "KILL",
    };
    let mut kill = Command::new("/bin/sh");
    kill.args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]);
    kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    kill.status().is_ok_and(|status| status.success())
}

fn has_proc() -> bool {
    Path::new("/proc/self/stat").exists()
}

/// Reads the start time from a line of `/proc/<pid>/stat`; the name in it may hold spaces and parentheses.
fn start_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_impossible_one_does_not() {
        assert!(started(std::process::id()).is_some());
        assert_eq!(started(std::process::id()), started(std::process::id()));
        assert_eq!(started(u32::MAX / 2), None);
    }

    #[test]
    fn a_process_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 10 11";
        assert_eq!(start_ticks(stat), Some(98765));
        assert_eq!(start_ticks(&stat.replace(") S ", ") Z ")), None);
    }

    #[test]
    fn a_zombie_counts_as_dead() {
        let mut child = Command::new("/bin/true").spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while started(child.id()).is_some() && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(started(child.id()), None, "ended but not waited for");
        child.wait().unwrap();
    }

    #[test]
    fn a_stranger_is_no_postmaster_of_ours() {
        assert!(!is_postmaster_of(std::process::id(), Path::new("/nowhere")));
    }
}
