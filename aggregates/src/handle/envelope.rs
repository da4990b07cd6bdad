//! A command on its way to an aggregate, and the way back.

use tokio::sync::oneshot;

use super::error::HandleError;
use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::executed::Executed;
use crate::repository::ExecuteOptions;

/// What is answered to a command.
pub(super) type Answer<A> = Result<Executed<A>, HandleError<<A as Aggregate>::Refusal>>;

/// A command that waits for its answer.
pub(super) struct Envelope<A: Aggregate> {
    pub(super) command: A::Command,
    pub(super) context: Context,
    pub(super) options: ExecuteOptions,
    pub(super) answer: oneshot::Sender<Answer<A>>,
}

impl<A: Aggregate> Envelope<A> {
    /// True where whoever asked has gone away and can ask again: under a key. Nobody is to be surprised by its effect
    /// after a repetition was refused.
    pub(super) fn is_given_up(&self) -> bool {
        self.options.key.is_some() && self.answer.is_closed()
    }

    /// Answers. Whoever asked may have gone away, and the answer with them.
    pub(super) fn reply(self, answer: Answer<A>) {
        drop(self.answer.send(answer));
    }
}
