//! The server process of a home: whether it lives, how it ends.
//!
//! Guarantees
//! - a signal goes only to a live `postgres` of this very data folder.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    home::{Home, SOCKET},
    probe::{self, Answer},
    process::{self, Signal},
    stop_error::StopError,
};

const SETTLE_PATIENCE: Duration = Duration::from_secs(60);
/// A server that recovers answers, and may take its time.
pub(crate) const RECOVERY_PATIENCE: Duration = Duration::from_secs(600);
const STOP_PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(3);

/// Returns the process id of the live server of this home.
pub(crate) fn living(home: &Home) -> Option<u32> {
    let pid = PidFile::read(home)?.pid;
    process::is_postmaster_of(pid, &home.data()).then_some(pid)
}

/// Returns the folder of the socket that the server of this home has, or had.
pub(crate) fn socket_folder(home: &Home) -> Option<PathBuf> {
    PidFile::read(home)?.socket
}

/// Waits while the server of this home lives without being ready: it starts, recovers or stops. Ends it when
/// that takes too long or it cannot be reached any more.
pub(crate) fn settle(home: &Home) -> Result<(), StopError> {
    let began = Instant::now();
    while living(home).is_some() {
        let socket = socket_folder(home);
        let patience = match socket.as_deref().map_or(Answer::Silent, probe::ask) {
            Answer::Ready(_) => return Ok(()),
            Answer::Busy => RECOVERY_PATIENCE,
            // Somebody has cleaned the temporary folder.
            Answer::Silent
                if is_marked_ready(home) && !socket.is_some_and(|socket| socket.join(SOCKET).exists()) =>
            {
                Duration::ZERO
            }
            Answer::Silent => SETTLE_PATIENCE,
        };
        if began.elapsed() > patience {
            return stop(home, Signal::Interrupt).map(|_| ());
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Stops the server of this home, harder when it does not listen; false when there was none.
///
/// # Errors
///
/// [`StopError::StillRunning`] when not even `SIGKILL` ends it.
pub(crate) fn stop(home: &Home, first: Signal) -> Result<bool, StopError> {
    let Some(pid) = living(home) else { return Ok(false) };
    let began = Instant::now();
    let hardest =
        [(first, STOP_PATIENCE), (Signal::Quit, STOP_PATIENCE / 3), (Signal::Kill, STOP_PATIENCE / 3)];
    for (signal, patience) in hardest {
        let deadline = Instant::now() + patience;
        // Asked again each time: the id may be another process's by now.
        if !process::is_postmaster_of(pid, &home.data()) {
            return Ok(true);
        }
        process::send(signal, pid);
        while Instant::now() < deadline {
            if !process::is_postmaster_of(pid, &home.data()) {
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
    }
    Err(StopError::StillRunning { pid, log: home.log(), waited: began.elapsed() })
}

fn is_marked_ready(home: &Home) -> bool {
    PidFile::read(home).is_some_and(|file| file.is_ready)
}

/// What a server writes into its data folder about itself.
struct PidFile {
    pid: u32,
    socket: Option<PathBuf>,
    is_ready: bool,
}

impl PidFile {
    fn read(home: &Home) -> Option<PidFile> {
        PidFile::parse(&fs::read_to_string(home.data().join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<PidFile> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Some(PidFile {
            pid: lines.first()?.parse().ok()?,
            socket: lines.get(4).filter(|line| !line.is_empty()).map(PathBuf::from),
            is_ready: lines.get(7) == Some(&"ready"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_read_whole_and_half_written() {
        let whole =
            PidFile::parse("4899\n/d/data\n1795444643\n5432\n/d/run\n\n 10019579         9\nready   \n")
                .unwrap();
        assert_eq!((whole.pid, whole.is_ready), (4899, true));
        assert_eq!(whole.socket.as_deref(), Some("/d/run".as_ref()));

        let half = PidFile::parse("4899\n/d/data\n").unwrap();
        assert_eq!((half.pid, half.is_ready, half.socket), (4899, false, None));
        assert!(PidFile::parse("").is_none());
    }
}
