//! A failed append, told by what the command line said.

use annals_eventstore::{AppendError, ExpectedVersion};
use annals_runner::cli::{Exit, Failure};

/// Tells a failed append by what the command line said: whether repeating it is safe, how the key was written.
pub(super) fn append_failure(
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

#[cfg(test)]
mod tests {
    use annals_eventstore::Version;

    use super::*;

    #[test]
    fn an_unknown_outcome_is_repeated_only_where_that_is_safe() {
        let exit = |expected, key, has_id| {
            let unknown = AppendError::OutcomeUnknown("a-1".parse().unwrap(), "connection closed".into());
            append_failure(unknown, expected, key, has_id).exit()
        };
        let exact = ExpectedVersion::from(Version::FIRST);

        assert_eq!(exit(ExpectedVersion::Any, Some("k"), false), Exit::TryAgain);
        assert_eq!(exit(exact, None, true), Exit::TryAgain);
        assert_eq!(exit(ExpectedVersion::NoStream, None, true), Exit::TryAgain);
        assert_eq!(exit(exact, None, false), Exit::Failed, "the next run would draw another id");
        assert_eq!(exit(ExpectedVersion::Any, None, true), Exit::Failed);
    }
}
