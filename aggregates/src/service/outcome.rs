//! What came of a command, for those who tell it.

use crate::aggregate::Aggregate;
use crate::executed::Executed;
use crate::telemetry::CommandOutcome;

/// Something that a command can end with.
pub trait TellsOutcome {
    /// Returns what came of the command.
    fn outcome(&self) -> CommandOutcome;
}

impl<A: Aggregate> TellsOutcome for Executed<A> {
    fn outcome(&self) -> CommandOutcome {
        match self {
            Self::Applied { .. } => CommandOutcome::Accepted,
            Self::NothingToDo(_) => CommandOutcome::Nothing,
            Self::AlreadyApplied(_) => CommandOutcome::AlreadyApplied,
        }
    }
}

/// Returns what came of a command.
pub(super) fn outcome_of<T: TellsOutcome, E: TellsOutcome>(answer: &Result<T, E>) -> CommandOutcome {
    answer.as_ref().map_or_else(TellsOutcome::outcome, TellsOutcome::outcome)
}
