//! Commands that end without an answer are counted too.

use std::time::Instant;

use crate::telemetry::{CommandOutcome, command_ended, commands_under_way};

/// One command that is under way. It is counted when this is dropped: as abandoned, unless it was answered.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) outcome: CommandOutcome,
    category: &'static str,
    command: &'static str,
    begun: Instant,
}

impl UnderWay {
    pub(super) fn begun(category: &'static str, command: &'static str) -> Self {
        commands_under_way(category, 1.0);
        Self { outcome: CommandOutcome::Abandoned, category, command, begun: Instant::now() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        commands_under_way(self.category, -1.0);
        command_ended(self.category, self.command, self.outcome, self.begun.elapsed());
    }
}
