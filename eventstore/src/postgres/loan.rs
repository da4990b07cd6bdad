//! A connection of a pool, lent for one question or several, and how long an answer may take.
//!
//! A server may go without a word: its machine, the network or a proxy before it stops, and nothing is closed. The
//! system notices where sent bytes are not acknowledged (`tcp_user_timeout`); what acknowledges them and does not
//! answer is noticed only here.
//!
//! `lent --answered in time--> lent … --dropped--> in the pool again`, or `--overdue--> lost --dropped--> closed`
//!
//! Guarantees
//! - an answer that is overdue is told as a lost connection, by the driver's own error;
//! - whoever comes next does not get a connection whose answer is overdue.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Client;
use tokio_postgres::Error;
use tracing::warn;

use super::connect::into_driver_error;

/// A pooled connection. Given back when it is dropped.
pub struct Loan {
    /// There until it is dropped.
    client: Option<Client>,
    limit: Option<Duration>,
    is_lost: AtomicBool,
}

impl Loan {
    /// Lends a connection whose answers take so long at most; without a limit they take as long as they like.
    pub fn new(client: Client, limit: Option<Duration>) -> Self {
        Self { client: Some(client), limit, is_lost: AtomicBool::new(false) }
    }

    /// Waits for an answer, no longer than the limit.
    ///
    /// # Errors
    ///
    /// Those of the answer; a lost connection where it is overdue.
    pub async fn in_time<T, E: From<Error>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        Limit { limit: self.limit, is_lost: &self.is_lost }.in_time(answer).await
    }

    /// Parts the connection from its limit: for a transaction, which has the connection for itself.
    pub(super) fn parts(&mut self) -> (&mut tokio_postgres::Client, Limit<'_>) {
        let client = self.client.as_mut().expect("it is taken only when the loan ends");
        (client, Limit { limit: self.limit, is_lost: &self.is_lost })
    }
}

/// How long an answer may take over a connection that somebody else holds.
pub(super) struct Limit<'l> {
    limit: Option<Duration>,
    is_lost: &'l AtomicBool,
}

impl Limit<'_> {
    /// Waits for an answer, no longer than the limit.
    pub(super) async fn in_time<T, E: From<Error>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let Some(limit) = self.limit else { return answer.await };
        match tokio::time::timeout(limit, answer).await {
            Ok(answered) => answered,
            Err(_elapsed) => {
                self.is_lost.store(true, Ordering::Relaxed);
                warn!(?limit, "PostgreSQL does not answer; the connection is given up");
                let overdue = std::io::Error::new(std::io::ErrorKind::TimedOut, Overdue(limit));
                Err(into_driver_error(overdue).await.into())
            }
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan")
            .field("limit", &self.limit)
            .field("is_lost", &self.is_lost)
            .finish_non_exhaustive()
    }
}

impl Deref for Loan {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("it is taken only when the loan ends")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let client = self.client.take();
        if *self.is_lost.get_mut() {
            // Outside of the pool it is closed.
            drop(client.map(Client::take));
        }
    }
}

/// Why a connection was given up.
#[derive(Debug)]
struct Overdue(Duration);

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server did not answer within {} s (answer_timeout)", self.0.as_secs_f32())
    }
}

impl std::error::Error for Overdue {}
