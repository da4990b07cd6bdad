//! Taking places.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tower::{Service, ServiceExt};

use super::error::ShedError;
use super::future::ShedFuture;
use super::places::Places;
use crate::aggregate::Aggregate;
use crate::service::command::Command;
use crate::service::deadline::DeadlineError;
use crate::service::drain::DrainError;
use crate::service::options::WhenFull;

/// A service with so many places. A call that finds none is turned away, or waits until it has one.
///
/// Where calls are turned away it is ready as soon as the service below; where they wait, once a place is free as well.
/// If another call takes that one, the call waits for the next.
#[derive(Debug, Clone)]
pub struct Shed<S> {
    pub(super) inner: S,
    pub(super) places: Arc<Places>,
    pub(super) when_full: WhenFull,
    pub(super) wait_at_most: Option<Duration>,
}

impl<A, S> Service<Command<A>> for Shed<S>
where
    A: Aggregate,
    S: Service<Command<A>> + Clone + Send + 'static,
    S::Error: From<ShedError> + From<DeadlineError> + From<DrainError>,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ShedFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.when_full == WhenFull::Wait {
            ready!(self.places.poll_free(context));
        }
        self.inner.poll_ready(context)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        if let Some(place) = self.places.take() {
            return ShedFuture::let_in(self.inner.call(command), place);
        }
        if self.places.is_closed() {
            return ShedFuture::refused(DrainError.into());
        }
        if self.when_full == WhenFull::Shed {
            return ShedFuture::refused(ShedError { limit: self.places.limit() }.into());
        }
        // So long that no clock can tell it is as good as none.
        let own = self.wait_at_most.and_then(|limit| Instant::now().checked_add(limit));
        let until = own.into_iter().chain(command.deadline).min();
        let (turn, inner) = (self.places.wait(), self.inner.clone());
        ShedFuture::waits(async move {
            let command_id = command.command_id;
            let place = match until {
                None => turn.await,
                Some(until) => {
                    timeout_at(until, turn).await.map_err(|_passed| DeadlineError::NotBegun { command_id })?
                }
            };
            // Held until the answer is there.
            let _place = place.ok_or(DrainError)?;
            inner.oneshot(command).await
        })
    }
}
