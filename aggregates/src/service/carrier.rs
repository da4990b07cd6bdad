//! Who carries commands out: the repository, or the handles to aggregates in memory.
//!
//! A panic of the aggregate's own code is an error here, and never the end of the caller's task. Handles know that nothing
//! of the command was written; before a repository that is not known.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use annals_eventstore::EventStore;
use tower::Service;

use super::command::Command;
use super::idempotency::Keyed;
use crate::aggregate::Aggregate;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::executed::Executed;
use crate::handle::guarded::guarded_future;
use crate::handle::{HandleError, Handles};
use crate::repository::Repository;

/// What an aggregate answers.
type Answer<A> = Result<Executed<A>, HandleError<<A as Aggregate>::Refusal>>;

/// Someone who carries out commands to the aggregates of one type.
pub trait CarriesOut<A: Aggregate>: Clone + Send + Sync + 'static {
    /// Carries a command out.
    ///
    /// # Errors
    ///
    /// [`HandleError`].
    fn carry_out(&self, keyed: Keyed<A>) -> impl Future<Output = Answer<A>> + Send;

    /// Ends what goes on without a caller: what waits in mailboxes, snapshots that are due.
    fn finish(&self) -> impl Future<Output = ()> + Send;
}

impl<A: Aggregate, S: EventStore> CarriesOut<A> for Repository<A, S> {
    async fn carry_out(&self, keyed: Keyed<A>) -> Answer<A> {
        let (command, options) = keyed.into_parts();
        let Command { aggregate, command, context, .. } = command;
        // It may stand on either side of the append: an event that was stored is taken in afterwards.
        match guarded_future(self.execute_with(&aggregate, command, &context, options)).await {
            Ok(answer) => Ok(answer?),
            Err(message) => {
                let stream = A::stream_name(&aggregate);
                let stream =
                    stream.map_err(LoadError::from).map_err(Fault::from).map_err(ExecuteError::from)?;
                Err(HandleError::Interrupted { stream, message })
            }
        }
    }

    async fn finish(&self) {
        self.flush_snapshots().await;
    }
}

impl<A: Aggregate, S: EventStore> CarriesOut<A> for Handles<A, S> {
    async fn carry_out(&self, keyed: Keyed<A>) -> Answer<A> {
        let (command, options) = keyed.into_parts_before_it_begins();
        let progress = command.progress.clone();
        let taken = move || progress.begin();
        self.execute_told(&command.aggregate, command.command, &command.context, options, taken).await
    }

    async fn finish(&self) {
        self.shut_down().await;
    }
}

/// The innermost service: always ready, since mailboxes and pools have their own bounds.
#[derive(Debug, Clone)]
pub(super) struct Carrying<C>(pub(super) C);

impl<A: Aggregate, C: CarriesOut<A>> Service<Keyed<A>> for Carrying<C> {
    type Response = Executed<A>;
    type Error = HandleError<A::Refusal>;
    type Future = Pin<Box<dyn Future<Output = Answer<A>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, keyed: Keyed<A>) -> Self::Future {
        let carrier = self.0.clone();
        Box::pin(async move { carrier.carry_out(keyed).await })
    }
}
