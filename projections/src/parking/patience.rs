//! Handlers that let their transaction stand still for longer than the server bears, again and again.

use std::time::Duration;

use annals_eventstore::HandlerError;

/// How many times in a row a handler may lose its session to the limit. One that was held up itself, since its process or
/// its machine stood still, does not come so far.
const TIMES: u32 = 3;

/// How long a transaction may do nothing, and how often one did so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    limit: Option<Duration>,
    overrun: u32,
}

/// A handler takes too long over events, without a statement. Nothing of the batch was kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "handler was busy for {took:?} {TIMES} times and its transaction was ended: it may do nothing for {limit:?}, as long as a \
     lease lasts; let it compute less at a time, or leases last longer"
)]
pub struct StoodStill {
    /// How long it was busy the last time.
    pub took: Duration,
    /// How long it may be.
    pub limit: Duration,
}

impl Patience {
    /// Bears with transactions that do nothing for so long; without a limit for as long as they like.
    pub(crate) fn of(limit: Option<Duration>) -> Self {
        Self { limit, overrun: 0 }
    }

    /// A handler came to its end.
    pub(super) fn ended(&mut self) {
        self.overrun = 0;
    }

    /// Returns why a handler failed that lost its session after so long.
    pub(super) fn lost(&mut self, took: Duration, fault: HandlerError) -> HandlerError {
        let is_overrun = |limit: &Duration| took >= *limit && is_cut_off(&*fault);
        let Some(limit) = self.limit.filter(is_overrun) else { return fault };
        self.overrun += 1;
        if self.overrun < TIMES { fault } else { StoodStill { took, limit }.into() }
    }
}

/// Tells whether the connection went, as it does with a session that the server ends: nobody is there to be told why.
fn is_cut_off(fault: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(fault), |cause| cause.source());
    let mut of_driver = causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    of_driver.any(tokio_postgres::Error::is_closed)
}
