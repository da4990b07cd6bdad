//! How a verb ends: its exit code, and what is said on standard error.
//!
//! What each error of the libraries means is told in `fault`.
//!
//! Guarantees: the chain of causes is told once, without a cause that only repeats the one before it; a
//! reader of our output that went away is no failure.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// What a verb returns.
pub type Outcome = Result<(), Failure>;

/// The exit codes; scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Something failed that none of the others names.
    Failed = 1,
    /// The arguments or the environment make no sense.
    Usage = 2,
    /// The stream, or whatever was asked for, does not exist.
    NotFound = 3,
    /// Another writer came first.
    VersionConflict = 4,
    /// The log can be asked, and something is not as it should be.
    ProbeFailed = 5,
    /// The schema is absent, too old or too new for this program.
    WrongSchema = 6,
    /// The database cannot be reached or used.
    Unavailable = 69,
    /// The same call may succeed at once or soon.
    TryAgain = 75,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The same for a page of help, since scripts rely on them.
pub const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 version conflict, 5 a probe failed,
6 schema too old or too new, 69 database unavailable, 75 try again, 130 interrupted";

/// Why a verb ends early.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    cause: Option<Box<dyn Error + Send + Sync>>,
    advice: Option<String>,
}

impl Failure {
    /// A failure with an exit code.
    pub fn new(exit: Exit, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, cause: Some(cause.into()), advice: None }
    }

    /// A failure that no other exit code names.
    pub fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Failed, cause)
    }

    /// An argument that makes no sense.
    pub fn usage(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, cause)
    }

    /// Ctrl-C: nothing needs to be said.
    pub fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, cause: None, advice: None }
    }

    /// Nothing to be said but an exit code.
    pub fn silent(exit: Exit) -> Self {
        Self { exit, cause: None, advice: None }
    }

    /// What could not be written. A reader that has seen enough is none of our troubles.
    pub fn writing(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Ok),
            _ => Self::failed(error),
        }
    }

    /// Adds what to do now.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Returns the exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells the failure on standard error and returns its exit code.
    pub fn report(&self) -> ExitCode {
        // Standard error may be closed as well; the exit code still tells.
        let _ = io::stderr().lock().write_all(self.to_string().as_bytes());
        ExitCode::from(self.exit() as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = &self.cause else { return Ok(()) };
        let mut told = first.to_string();
        writeln!(f, "error: {told}")?;
        let mut next = first.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // The driver's "db error" only says that the server's own words follow.
            if text != "db error" && !told.contains(&text) {
                writeln!(f, "  caused by: {}", text.replace('\n', "\n    "))?;
                told = text;
            }
            next = cause.source();
        }
        match &self.advice {
            Some(advice) => writeln!(f, "  help: {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Link {
        let (text, rest) = texts.split_first().expect("one link at least");
        Link { text, source: (!rest.is_empty()).then(|| Box::new(chain(rest))) }
    }

    #[test]
    fn the_chain_of_causes_is_told_once_and_ends_with_what_to_do() {
        let failure =
            Failure::failed(chain(&["a: b", "b", "db error", "FATAL: c\nDETAIL: d"])).advise("do e");
        assert_eq!(failure.to_string(), "error: a: b\n  caused by: FATAL: c\n    DETAIL: d\n  help: do e\n");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let failure = Failure::writing(io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.exit, failure.to_string().as_str()), (Exit::Ok, ""));
    }
}
