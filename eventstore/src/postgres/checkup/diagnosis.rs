//! What a check found: a line.

use std::fmt;

/// One line of a check-up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What was looked at, as one word; see `docs/doctor.md`.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What is.
    pub found: String,
    /// What to do; none where it is as it should be.
    pub advice: Option<String>,
}

/// Whether something is as it should be; the worse is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is.
    Ok,
    /// The log keeps its promises, but something is slower, less guarded or nearer to a fault than it could be.
    Warn,
    /// A promise is broken, or readers or writers are held up now.
    Fail,
}

impl Verdict {
    /// Returns it as one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Diagnosis {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, found: found.into(), advice: None }
    }

    pub(super) fn warn(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), advice: Some(advice.into()) }
    }

    pub(super) fn fail(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), advice: Some(advice.into()) }
    }

    /// A check that could not be made.
    pub(super) fn unanswered(check: &'static str, error: &tokio_postgres::Error) -> Self {
        let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
        let advice = match error.code().map(tokio_postgres::error::SqlState::code) {
            Some("42501") => {
                "this role may not ask; ask as an operator (annals db roles) or as the owner of the log"
            }
            _ => "try again; where it stays so, this program and the log do not fit each other",
        };
        Self::fail(check, format!("cannot be asked: {said}"), advice)
    }
}
