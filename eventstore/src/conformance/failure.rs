//! How a case fails: a sentence, and the line that says it.

use std::fmt;
use std::panic::Location;

/// What a case answers.
pub type CaseResult<T = ()> = Result<T, CaseFailure>;

/// A promise that was not kept, or a fault on the way there.
///
/// Made from any error by `?`; the cause's own causes are in the text.
pub struct CaseFailure {
    told: String,
    at: &'static Location<'static>,
}

impl CaseFailure {
    /// Tells what was found instead of what was promised.
    #[track_caller]
    pub fn new(told: impl Into<String>) -> Self {
        Self { told: told.into(), at: Location::caller() }
    }
}

impl fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.told, self.at)
    }
}

impl fmt::Debug for CaseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: std::error::Error> From<E> for CaseFailure {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut told = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            told = format!("{told}: {error}");
            cause = error.source();
        }
        Self::new(told)
    }
}

/// Fails the case with a text unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($told:tt)+) => {
        if !$holds {
            return Err($crate::conformance::CaseFailure::new(format!($($told)+)));
        }
    };
}

/// Fails the case unless two values are equal; the text names what was compared.
macro_rules! ensure_eq {
    ($found:expr, $promised:expr, $($told:tt)+) => {
        match (&$found, &$promised) {
            (found, promised) => {
                if found != promised {
                    return Err($crate::conformance::CaseFailure::new(format!(
                        "{}: promised {promised:?}, found {found:?}",
                        format_args!($($told)+)
                    )));
                }
            }
        }
    };
}

/// Takes what a pattern binds, or fails the case with what was found instead.
macro_rules! ensure_matches {
    ($found:expr, $pattern:pat => $taken:expr, $($told:tt)+) => {
        match $found {
            $pattern => $taken,
            other => {
                return Err($crate::conformance::CaseFailure::new(format!(
                    "{}: promised {}, found {other:?}",
                    format_args!($($told)+),
                    stringify!($pattern)
                )));
            }
        }
    };
    ($found:expr, $pattern:pat, $($told:tt)+) => {
        $crate::conformance::failure::ensure_matches!($found, $pattern => (), $($told)+)
    };
}

pub(super) use {ensure, ensure_eq, ensure_matches};
