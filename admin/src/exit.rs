//! How a verb ends: its exit code, and what is said on standard error.
//!
//! Guarantees: the chain of causes is told once, without a cause that only repeats the one before it; a
//! reader of our output that went away is no failure.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use annals_devdb::{DatabaseError, StartError, StopError};
use annals_eventstore::postgres::{
    ConnectError, InvalidConnectOptions, InvalidSchemaName, MigrateError, OpenError, SchemaFault,
};
use annals_eventstore::{AppendError, ExpectedVersion, InvalidEvent, InvalidPayload, ReadError};

/// What a verb returns.
pub(crate) type Outcome = Result<(), Failure>;

/// The exit codes; scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
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
    /// The schema is absent, too old or too new for this program.
    WrongSchema = 6,
    /// The database cannot be reached or used.
    Unavailable = 69,
    /// The same call may succeed at once or soon.
    TryAgain = 75,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Why a verb ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    cause: Option<Box<dyn Error + Send + Sync>>,
    advice: Option<String>,
}

impl Failure {
    /// A failure with an exit code.
    pub(crate) fn new(exit: Exit, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, cause: Some(cause.into()), advice: None }
    }

    /// A failure that no other exit code names.
    pub(crate) fn failed(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Failed, cause)
    }

    /// An argument that makes no sense.
    pub(crate) fn usage(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, cause)
    }

    /// Ctrl-C: nothing needs to be said.
    pub(crate) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, cause: None, advice: None }
    }

    /// Nothing to be said but an exit code.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { exit, cause: None, advice: None }
    }

    /// What could not be written. A reader that has seen enough is none of our troubles.
    pub(crate) fn writing(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Ok),
            _ => Self::failed(error),
        }
    }

    /// Adds what to do now.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Tells the failure on standard error and returns its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        // Standard error may be closed as well; the exit code still tells.
        let _ = io::stderr().lock().write_all(self.to_string().as_bytes());
        ExitCode::from(self.exit as u8)
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

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let (exit, advice) = match &error {
            AppendError::WrongVersion { stream, .. } => (
                Exit::VersionConflict,
                Some(format!(
                    "nothing was written; read the stream (annals stream show {stream}) and decide again"
                )),
            ),
            AppendError::StreamNotFound(_) => (Exit::NotFound, Some("nothing was written".to_owned())),
            AppendError::DuplicateEventId(_)
            | AppendError::InvalidPayload { .. }
            | AppendError::Malformed(_) => (Exit::Usage, Some("nothing was written".to_owned())),
            AppendError::Serialization(..) => {
                (Exit::TryAgain, Some("nothing was written; try again".to_owned()))
            }
            AppendError::Unavailable(_) => (
                Exit::Unavailable,
                Some("nothing was written; try again when the database answers".to_owned()),
            ),
            _ => (Exit::Failed, None),
        };
        Self { exit, cause: Some(error.into()), advice }
    }
}

/// Tells a failed append by what the command line said: whether repeating it is safe, how the key was written.
pub(crate) fn append_failure(
    error: AppendError,
    expected: ExpectedVersion,
    key: Option<&str>,
    has_id: bool,
) -> Failure {
    let exact = matches!(expected, ExpectedVersion::NoStream | ExpectedVersion::Exact(_));
    match &error {
        AppendError::OutcomeUnknown(..) if key.is_some() || (has_id && exact) => {
            Failure::new(Exit::TryAgain, error)
                .advise("repeat the same command: what is stored already is not stored twice")
        }
        AppendError::OutcomeUnknown(stream, _) => {
            let look = format!("annals stream show {stream} --backward --limit 1");
            Failure::failed(error).advise(format!(
                "look whether the event is there ({look}) before repeating; with --key a repetition is safe"
            ))
        }
        AppendError::KeyReused { .. } => {
            let key = key.unwrap_or_default().to_owned();
            Failure::failed(error)
                .advise(format!("nothing was written; the key was given as {key:?}, use another"))
        }
        _ => error.into(),
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = match &error {
            ReadError::StreamNotFound(_) | ReadError::StreamDeleted(_) => Exit::NotFound,
            ReadError::Unavailable(_) => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Schema(error) => error.into(),
            OpenError::Options(error) => error.into(),
            OpenError::Unavailable(_) => Self::new(Exit::Unavailable, error),
            other => Self::failed(other),
        }
    }
}

impl From<MigrateError> for Failure {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Schema(fault) => fault.into(),
            MigrateError::Connect(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<SchemaFault> for Failure {
    fn from(fault: SchemaFault) -> Self {
        let exit = match &fault {
            SchemaFault::Absent { .. } | SchemaFault::Behind { .. } | SchemaFault::TooNew { .. } => {
                Exit::WrongSchema
            }
            _ => Exit::Failed,
        };
        Self::new(exit, fault)
    }
}

/// Errors that always mean the same exit code.
macro_rules! always {
    ($($error:ty => $exit:ident,)+) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(Exit::$exit, error)
            }
        })+
    };
}

always! {
    ConnectError => Unavailable,
    StartError => Unavailable,
    DatabaseError => Unavailable,
    StopError => Failed,
    InvalidConnectOptions => Usage,
    InvalidSchemaName => Usage,
    InvalidEvent => Usage,
    InvalidPayload => Usage,
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
