//! A command under its key.

use annals_eventstore::Fingerprint;

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::repository::ExecuteOptions;
use crate::service::command::{Command, CommandId};

/// A command under the key that makes it safe to repeat; only [`super::Idempotency`] makes one.
#[derive(Debug)]
pub struct Keyed<A: Aggregate> {
    command: Command<A>,
    options: ExecuteOptions,
}

impl<A: Aggregate> Keyed<A> {
    /// Puts a command under its key. It is the cause of its events, unless its context knows another.
    pub(super) fn new(mut command: Command<A>, attempts: u32) -> Self {
        let fingerprint = command.fingerprint.unwrap_or_else(|| {
            // Not its name: that is the program's, and another release may call the same command otherwise.
            Fingerprint::of(format!("command to {}-{}", A::CATEGORY, command.aggregate))
        });
        if command.context.metadata().causation_id.is_none() {
            command.context = command.context.caused_by(command.command_id.key().as_uuid());
        }
        let options =
            ExecuteOptions { key: Some(command.command_id.key()), fingerprint: Some(fingerprint), attempts };
        Self { command, options }
    }

    /// Returns the id of the aggregate.
    pub fn aggregate(&self) -> &A::Id {
        &self.command.aggregate
    }

    /// Returns the id of the command.
    pub fn command_id(&self) -> CommandId {
        self.command.command_id
    }

    /// Returns the context of the decision.
    pub fn context(&self) -> &Context {
        &self.command.context
    }

    /// Returns key, fingerprint and attempts.
    pub fn options(&self) -> ExecuteOptions {
        self.options
    }

    /// Tells that from now on the command may have an effect. Whoever carries it out says so before the first step
    /// that may outlive a caller who goes away, or takes the parts, which says it too.
    pub fn begin(&self) {
        self.command.progress.begin();
    }

    /// Returns the command, and under which options it is executed. From now on it may have an effect.
    pub fn into_parts(self) -> (Command<A>, ExecuteOptions) {
        self.begin();
        self.into_parts_before_it_begins()
    }

    /// As [`Keyed::into_parts`], for those who tell later that it has begun.
    pub(in crate::service) fn into_parts_before_it_begins(self) -> (Command<A>, ExecuteOptions) {
        (self.command, self.options)
    }
}
