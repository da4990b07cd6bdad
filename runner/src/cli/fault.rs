//! What each error of the libraries means to a script: its exit code, and what to do.

use annals_eventstore::postgres::{
    CheckpointError, ConnectError, ConnectFault, IndexError, InvalidConnectOptions, InvalidSchemaName,
    MigrateError, OpenError, RepairError, RolesError, SchemaFault,
};
use annals_eventstore::{
    AppendError, ClaimReleaseError, DeletionError, InvalidPayload, ReadError, ScrubError,
};
use annals_projections::sql_projection::{FolderError, PrepareError};
use annals_projections::{OperateError, RunnerError, TablesError};

use super::exit::{Exit, Failure};

/// What to do where a pooler stands in the way.
const SAY_POOLER: &str = "give --pooler, or set ANNALS_POOLER=on";

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let (exit, advice) = match &error {
            AppendError::WrongVersion { stream, .. } => {
                let read = format!("read the stream (annals stream show {stream}) and decide again");
                (Exit::VersionConflict, format!("nothing was written; {read}"))
            }
            AppendError::StreamNotFound(_) => (Exit::NotFound, "nothing was written".to_owned()),
            AppendError::DuplicateEventId(_)
            | AppendError::InvalidPayload { .. }
            | AppendError::Sealing { .. }
            | AppendError::Malformed(_) => (Exit::Usage, "nothing was written".to_owned()),
            AppendError::Serialization(..) => (Exit::TryAgain, "nothing was written; try again".to_owned()),
            AppendError::NeedsPoolerMode(_) => (Exit::Usage, format!("nothing was written; {SAY_POOLER}")),
            AppendError::NeedsRepair(_) => {
                (Exit::Failed, "nothing was written; run: annals db repair".to_owned())
            }
            AppendError::Unavailable(_) => {
                (Exit::Unavailable, "nothing was written; try again when the database answers".to_owned())
            }
            _ => return Self::failed(error),
        };
        Self::new(exit, error).advise(advice)
    }
}

impl From<DeletionError> for Failure {
    fn from(error: DeletionError) -> Self {
        let (exit, advice) = match &error {
            DeletionError::WrongVersion { .. } => (Exit::VersionConflict, "nothing was changed"),
            DeletionError::StreamNotFound(_) => (Exit::NotFound, "nothing was changed"),
            DeletionError::Malformed(_) => (Exit::Usage, "nothing was changed"),
            DeletionError::Serialization(..) => (Exit::TryAgain, "nothing was changed; try again"),
            DeletionError::OutcomeUnknown(..) => {
                (Exit::TryAgain, "look at the stream, or repeat the command")
            }
            DeletionError::Unavailable(_) => {
                (Exit::Unavailable, "nothing was changed; try again when the database answers")
            }
            _ => return Self::failed(error),
        };
        Self::new(exit, error).advise(advice)
    }
}

impl From<ClaimReleaseError> for Failure {
    fn from(error: ClaimReleaseError) -> Self {
        let (exit, advice) = match &error {
            ClaimReleaseError::NotHeld(_) => (Exit::NotFound, "nothing was changed"),
            ClaimReleaseError::HeldByAnother { .. } => (Exit::VersionConflict, "nothing was changed"),
            ClaimReleaseError::Malformed(_) => (Exit::Usage, "nothing was changed"),
            ClaimReleaseError::OutcomeUnknown(..) => (Exit::TryAgain, "look with: annals claim show"),
            ClaimReleaseError::Unavailable(_) => {
                (Exit::Unavailable, "nothing was changed; try again when the database answers")
            }
            _ => return Self::failed(error),
        };
        Self::new(exit, error).advise(advice)
    }
}

impl From<ScrubError> for Failure {
    fn from(error: ScrubError) -> Self {
        let exit = match &error {
            ScrubError::StreamNotFound(_) => Exit::NotFound,
            ScrubError::Malformed(_) => Exit::Usage,
            ScrubError::Unavailable(_) => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self::new(exit, error).advise("batches that were done are gone; the same command goes on")
    }
}

impl From<RolesError> for Failure {
    fn from(error: RolesError) -> Self {
        match error {
            RolesError::Schema(error) => error.into(),
            RolesError::Connect(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let exit = match &error {
            ReadError::StreamNotFound(_) | ReadError::StreamDeleted(_) => Exit::NotFound,
            ReadError::NeedsPoolerMode(_) => return Self::new(Exit::Usage, error).advise(SAY_POOLER),
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
            OpenError::NeedsPoolerMode(_) => Self::new(Exit::Usage, error).advise(SAY_POOLER),
            OpenError::Unavailable(_) => Self::new(Exit::Unavailable, error),
            OpenError::NeedsRepair { .. } => Self::failed(error).advise("run: annals db repair"),
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

impl From<RepairError> for Failure {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::Connect(error) => error.into(),
            RepairError::Schema(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<OperateError> for Failure {
    fn from(error: OperateError) -> Self {
        let exit = match &error {
            OperateError::UnknownProjection(_)
            | OperateError::NothingParked(_)
            | OperateError::NoSuchEvent(_)
            | OperateError::NoRebuild(_) => Exit::NotFound,
            OperateError::RebuildUnderWay(_) => Exit::VersionConflict,
            OperateError::NoReason
            | OperateError::Replaced { .. }
            | OperateError::Passed(_)
            | OperateError::NoOwnSchema(_)
            | OperateError::SharedSchema { .. } => Exit::Usage,
            OperateError::Unserved => Exit::TryAgain,
            OperateError::Unavailable(_) => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        match error {
            RunnerError::Schema(error) => error.into(),
            RunnerError::Connect(error) => error.into(),
            RunnerError::Sql(PrepareError::Refused(faults)) => faults.into(),
            RunnerError::Tables(TablesError::Unavailable(_)) => Self::new(Exit::Unavailable, error),
            RunnerError::Register(CheckpointError::Unavailable(_)) => Self::new(Exit::Unavailable, error),
            other => Self::failed(other),
        }
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        let exit = if matches!(error, IndexError::Connect(_)) { Exit::Unavailable } else { Exit::Failed };
        Self::new(exit, error)
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

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error.fault {
            ConnectFault::NeedsPoolerMode(_) => Self::new(Exit::Usage, error).advise(SAY_POOLER),
            _ => Self::new(Exit::Unavailable, error),
        }
    }
}

always! {
    InvalidConnectOptions => Usage,
    InvalidSchemaName => Usage,
    InvalidPayload => Usage,
    FolderError => Usage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concurrent_transaction_means_try_again() {
        let met = AppendError::Serialization("a-1".parse().unwrap(), "deadlock detected".into());
        let failure = Failure::from(met);
        assert_eq!(failure.exit(), Exit::TryAgain);
        assert!(failure.to_string().ends_with("  help: nothing was written; try again\n"));
    }
}
