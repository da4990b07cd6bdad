//! What every verb of the adapter needs: connections, the statements to send through them, and how they are sent.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Pool, PoolError};

use super::loan::Loan;
use super::send::Manner;
use super::statements::Statements;
use crate::payload_codec::PayloadCoding;
use crate::telemetry::{
    Checkout, POOL_CHECKOUTS, POOL_CONNECTIONS, POOL_WAIT, POOL_WAITING, PoolState, Stopwatch,
};

/// Connections to one log and the statements written for its schema. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) pool: Pool,
    pub(super) statements: Arc<Statements>,
    pub(super) manner: Manner,
    /// How long an answer may take.
    pub(super) answer_timeout: Option<Duration>,
    /// What payloads pass through.
    pub(super) coding: PayloadCoding,
}

impl Session {
    /// Waits for a connection of the pool.
    pub(super) async fn client(&self) -> Result<Loan, PoolError> {
        self.lend(self.answer_timeout).await
    }

    /// As [`Session::client`], for questions whose answers take long where the log is large.
    pub(super) async fn patient_client(&self) -> Result<Loan, PoolError> {
        self.lend(None).await
    }

    async fn lend(&self, limit: Option<Duration>) -> Result<Loan, PoolError> {
        let stopwatch = Stopwatch::start();
        let client = self.pool.get().await;
        POOL_WAIT.record((), stopwatch.elapsed());
        POOL_CHECKOUTS.count(match &client {
            Ok(_) => Checkout::Given,
            Err(PoolError::Timeout(_)) => Checkout::Timeout,
            Err(_) => Checkout::Failed,
        });
        self.tell_status();
        client.map(|client| Loan::new(client, limit))
    }

    fn tell_status(&self) {
        let status = self.pool.status();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        POOL_CONNECTIONS.set_count(PoolState::Open, count(status.size));
        POOL_CONNECTIONS.set_count(PoolState::Idle, count(status.available));
        POOL_CONNECTIONS.set_count(PoolState::Limit, count(status.max_size));
        POOL_WAITING.set_count((), count(status.waiting));
    }
}
