//! Counting commands.

use std::task::{Context, Poll};

use tower::Service;

use super::future::MeterFuture;
use super::under_way::UnderWay;
use crate::aggregate::Aggregate;
use crate::service::command::Command;
use crate::service::outcome::TellsOutcome;

/// A service whose commands are counted.
#[derive(Debug, Clone)]
pub struct Meter<S> {
    pub(super) inner: S,
}

impl<A, S> Service<Command<A>> for Meter<S>
where
    A: Aggregate,
    S: Service<Command<A>>,
    S::Response: TellsOutcome,
    S::Error: TellsOutcome,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = MeterFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        let under_way = UnderWay::begun(A::CATEGORY, command.name);
        MeterFuture::new(self.inner.call(command), under_way)
    }
}
