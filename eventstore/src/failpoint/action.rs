//! What happens at a point.

use std::path::PathBuf;
use std::time::Duration;

use deadpool_postgres::{PoolError, TimeoutType};
use rustix::process::{Signal, getpid, kill_process};

/// How long a signal to the own process may take until it has reached this thread.
const SIGNAL: Duration = Duration::from_millis(50);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Kill,
    Stop,
    Error,
    Pause(PathBuf),
}

impl Action {
    pub(super) fn parse(told: &str) -> Option<Self> {
        match told {
            "kill" => Some(Self::Kill),
            "stop" => Some(Self::Stop),
            "error" => Some(Self::Error),
            _ => told.strip_prefix("pause:").map(|file| Self::Pause(file.into())),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Error => "error",
            Self::Pause(_) => "pause",
        }
    }

    pub(super) async fn run(&self) -> Result<(), PoolError> {
        match self {
            Self::Kill => signal(Signal::KILL),
            Self::Stop => signal(Signal::STOP),
            Self::Error => return Err(PoolError::Timeout(TimeoutType::Wait)),
            Self::Pause(file) => pause(file.clone()).await,
        }
        Ok(())
    }
}

/// Returns once it has taken effect: the kernel may choose another thread to begin with.
fn signal(signal: Signal) {
    kill_process(getpid(), signal).expect("a process may send signals to itself");
    // A process that stands still sleeps on, so this takes no longer than the signal lets it.
    std::thread::sleep(SIGNAL);
}

async fn pause(file: PathBuf) {
    let waited = tokio::task::spawn_blocking(move || std::fs::read(file)).await;
    waited.expect("nobody ends the thread").expect("what is to be waited for can be read");
}
