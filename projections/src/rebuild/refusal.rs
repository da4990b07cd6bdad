//! Why a step of a rebuild was not done.

use annals_eventstore::HandlerError;
use annals_eventstore::postgres::{CheckpointError, is_transient_cause};

use crate::told::in_full;

/// Why a step was not done. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The rebuild cannot succeed as it was asked for, however often it is tried.
    #[error("{0}")]
    Fails(String),
    /// Somebody has to see to this; it is tried again until then.
    #[error("{0}")]
    Waits(String),
    /// The database failed, or another transaction was in the way: it is tried again.
    #[error("database failed")]
    Database(#[from] tokio_postgres::Error),
    /// The same, told by somebody else.
    #[error(transparent)]
    Elsewhere(#[from] CheckpointError),
}

impl StepError {
    /// What a projection's own SQL failed by: it fails for good, unless that passes by itself.
    pub(crate) fn of_tables(error: impl Into<HandlerError>) -> Self {
        let error = error.into();
        let told = in_full(&*error);
        if is_transient_cause(&error) { Self::Waits(told) } else { Self::Fails(told) }
    }
}
