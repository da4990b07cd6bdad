//! Whether a storage could not be reached, told by the causes of an error.
//!
//! A server that answers – it waited too long for a lock, the statement was cancelled, a right is missing – was reached,
//! whatever it said; one that lets nobody in, or ends the session, was not.

use std::error::Error;

use tokio_postgres::error::{DbError, SqlState};

/// True where no server answered, or one that says that it takes no connections.
pub(crate) fn is_connection_fault(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.find_map(<dyn Error>::downcast_ref::<DbError>).is_none_or(|said| ends_connections(said.code()))
}

fn ends_connections(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "53300")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::AppendError;
    use crate::read::ReadError;

    #[test]
    fn a_server_that_ends_or_refuses_connections_was_not_reached_and_any_other_answer_came_from_it() {
        let ends_connections = |code| ends_connections(&SqlState::from_code(code));
        for code in ["08006", "08P01", "57P01", "57P02", "57P03", "53300"] {
            assert!(ends_connections(code), "{code}");
        }
        for code in ["55P03", "57014", "42501", "53100", "53200", "25006", "25P03", "57P05", "LG001"] {
            assert!(!ends_connections(code), "{code}");
        }
    }

    #[test]
    fn what_no_server_said_is_a_fault_of_the_connection_and_a_known_answer_is_none() {
        assert!(AppendError::Unavailable("connection refused".into()).is_connection_fault());
        assert!(ReadError::Unavailable("connection refused".into()).is_connection_fault());
        let stream: crate::stream::StreamName = "account-7".parse().unwrap();
        assert!(AppendError::OutcomeUnknown(stream.clone(), "connection reset".into()).is_connection_fault());
        assert!(!AppendError::StreamNotFound(stream.clone()).is_connection_fault());
        assert!(!ReadError::StreamNotFound(stream).is_connection_fault());
    }
}
