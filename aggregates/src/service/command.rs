//! A command on its way: to whom, what, under which id, in which context, until when.
//!
//! Leaves to others: what is made of it (the services around it).

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use annals_eventstore::{Fingerprint, IdempotencyKey};
use tokio::time::Instant;
use uuid::Uuid;

use crate::aggregate::Aggregate;
use crate::context::Context;

/// The id of a command, for ever: an accepted command that comes again under its id has no second effect.
///
/// Whoever wants something done draws it, before the first try, and keeps it for the repetitions. It names the command
/// in the whole log, whatever the aggregate.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::service::CommandId;
/// assert_eq!(CommandId::from("order 7, line 2"), CommandId::from("order 7, line 2"));
/// assert_ne!(CommandId::new(), CommandId::new());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandId(IdempotencyKey);

impl CommandId {
    /// Draws a new id.
    #[expect(clippy::new_without_default, reason = "every call draws another id")]
    pub fn new() -> Self {
        Self(IdempotencyKey::new())
    }

    /// Returns the key under which the log knows the command.
    pub fn key(self) -> IdempotencyKey {
        self.0
    }
}

impl From<Uuid> for CommandId {
    fn from(id: Uuid) -> Self {
        Self(id.into())
    }
}

impl From<&str> for CommandId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request of the command service: one command to one aggregate.
///
/// # Examples
///
/// ```
/// # use annals_aggregates::{Aggregate, Context};
/// # use annals_aggregates::service::{Command, CommandId};
/// # fn example<Account: Aggregate<Id = u32>>(withdraw: Account::Command) {
/// let id = CommandId::from("withdrawal 2026-12-24/17");
/// let command = Command::<Account>::new(7, withdraw, id)
///     .named("withdraw")
///     .within(Context::new().acting_for("teller 3"));
/// # drop(command);
/// # }
/// ```
#[non_exhaustive]
pub struct Command<A: Aggregate> {
    /// The aggregate that is asked.
    pub aggregate: A::Id,
    /// What it is asked to do.
    pub command: A::Command,
    /// Under which id.
    pub command_id: CommandId,
    /// Clock and ids of the decision, conversation, cause, trace and actor. Where it names no cause, the command is
    /// the cause of its events.
    pub context: Context,
    /// What the command is called in metrics and spans; the name of its type unless told otherwise.
    pub name: &'static str,
    /// What a repetition under the id is compared by; the aggregate alone unless told otherwise. Without one of the
    /// caller's, another command to the same aggregate under the same id is taken for a repetition.
    pub fingerprint: Option<Fingerprint>,
    /// When the caller stops waiting; the service's own limit holds as well.
    pub deadline: Option<Instant>,
    pub(super) progress: Progress,
}

impl<A: Aggregate> Command<A> {
    /// Makes a command to an aggregate.
    pub fn new(aggregate: A::Id, command: A::Command, command_id: CommandId) -> Self {
        let name = type_name::<A::Command>().rsplit("::").next().unwrap_or("command");
        let (context, progress) = (Context::new(), Progress::default());
        Self { aggregate, command, command_id, context, name, fingerprint: None, deadline: None, progress }
    }

    /// Sets the context: who asks, in which conversation and trace.
    #[must_use]
    pub fn within(self, context: Context) -> Self {
        Self { context, ..self }
    }

    /// Names the command in metrics and spans. A name stands in the program, so there are few.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Sets what a repetition under the id is compared by, such as a hash of the request: another command under the
    /// same id is refused then, and not taken for the first one.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }

    /// Sets when the caller stops waiting.
    #[must_use]
    pub fn by(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}

impl<A: Aggregate> fmt::Debug for Command<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("category", &A::CATEGORY)
            .field("aggregate", &format_args!("{}", self.aggregate))
            .field("name", &self.name)
            .field("command_id", &self.command_id)
            .finish_non_exhaustive()
    }
}

/// Whether a command has come so far that it may have an effect; clones look at the same command.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<AtomicBool>);

impl Progress {
    /// From now on it may have an effect.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
