//! The right to ask: a call of the breaker behind us that ends when the answer is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tower::Service;
use tower_resilience_circuitbreaker::{CircuitBreakerError, FailureClassifier};

use super::evidence::{Evidence, TellsEvidence};
use super::watch::Watch;

/// The database was not reached.
#[derive(Debug)]
pub(super) struct NotReached;

/// What a call is waiting for.
#[derive(Debug)]
pub(super) struct Question {
    /// Told that it was let through, and after how many changes of the state.
    pub(super) admitted: oneshot::Sender<u64>,
    pub(super) answer: oneshot::Receiver<Result<(), NotReached>>,
}

/// The service behind the breaker: it does nothing itself, and waits to be told what came of a question.
#[derive(Debug, Clone)]
pub(super) struct Asked(pub(super) Arc<Watch>);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<Question> for Asked {
    type Response = ();
    type Error = NotReached;
    type Future = BoxFuture<Result<(), NotReached>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotReached>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, question: Question) -> Self::Future {
        // Whoever asks may be gone; then the call is dropped as well.
        let _ = question.admitted.send(self.0.changes());
        Box::pin(async { question.answer.await.unwrap_or(Ok(())) })
    }
}

/// Counts what says that the database was not reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountsNotReached;

impl FailureClassifier<(), NotReached> for CountsNotReached {
    fn classify(&self, answer: &Result<(), NotReached>) -> bool {
        answer.is_err()
    }
}

/// A call under way.
pub(super) type Call = BoxFuture<Result<(), CircuitBreakerError<NotReached>>>;

/// The right to ask once. One that is dropped counts as nothing, and gives its place back.
#[must_use = "others wait for what comes of it"]
pub(in crate::postgres) struct Pass {
    pub(super) call: Call,
    pub(super) tell: oneshot::Sender<Result<(), NotReached>>,
    pub(super) watch: Arc<Watch>,
    /// How often the state had changed when it was given.
    pub(super) changes: u64,
}

impl Pass {
    /// Tells the breaker what came of the question.
    pub(in crate::postgres) async fn told<T, E: TellsEvidence>(self, answer: &Result<T, E>) {
        let evidence = answer.as_ref().map_or_else(TellsEvidence::evidence, |_| Evidence::Answered);
        if evidence == Evidence::Nothing || self.watch.changes() != self.changes {
            return;
        }
        let told = if evidence == Evidence::NotReached { Err(NotReached) } else { Ok(()) };
        // The call waits for it.
        let _ = self.tell.send(told);
        let _ = self.call.await;
    }
}
