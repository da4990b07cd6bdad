//! Sending wake-ups: one empty NOTIFY after commits, never inside of one.
//!
//! Guarantees: the first signal is sent at once, then at most one in a window, and the last one is never
//! swallowed, also not by closing. The longer the server takes for one, the longer the next one waits: on a busy
//! server wake-ups are dear, and readers have enough to read. A wake-up is a hint: while the database cannot be
//! reached it waits, and pollers do without it.
//!
//! NOTIFY takes a lock of the whole cluster at commit, so it has a connection and a transaction of its own,
//! without waiting for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::connect::{ConnectError, ConnectOptions, connect};
use crate::telemetry::{PAUSES, Pause, SendOutcome, WAKEUPS_ASKED, WAKEUPS_COALESCED, WAKEUPS_SENT};

/// How long closing waits for the last wake-up.
const LAST_WAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// How many times as long as sending took the next wake-up waits, if that is longer than the window: so sending
/// takes a fifth of the time, as long as that wait is not cut off at [`REST_MAX`].
const REST: u32 = 4;

/// The longest such wait, in windows.
const REST_MAX: u32 = 10;

/// How long the server may take to answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause between two attempts to send.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The signalling side; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Waker(Arc<Signals>);

#[derive(Debug, Default)]
struct Signals {
    given: Notify,
    /// How many were given and not taken yet.
    waiting: AtomicUsize,
}

impl Waker {
    /// Asks for a wake-up. Never waits.
    pub(super) fn signal(&self) {
        WAKEUPS_ASKED.count(());
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        self.0.given.notify_one();
    }

    /// Waits until somebody asked; all who did so far are served by one wake-up.
    async fn signalled(&self) {
        self.0.given.notified().await;
        let served = self.0.waiting.swap(0, Ordering::Relaxed);
        WAKEUPS_COALESCED.add((), served.saturating_sub(1));
    }

    /// Asks once more for a wake-up that was taken and not sent.
    fn give_back(&self) {
        self.0.given.notify_one();
    }
}

/// Returns what wakes: a crash may take it back, so nobody waits for the disk. A setting of the session would be
/// refused by a pooler, or stay behind for the next who gets it.
pub(super) fn waking(wake: &str) -> String {
    format!("set local synchronous_commit = off; {wake}")
}

/// The sending side: a task that lives until its store is closed.
#[derive(Debug)]
pub(super) struct WakeSender {
    pub(super) waker: Waker,
    pub(super) options: ConnectOptions,
    /// What wakes, sent as one transaction.
    pub(super) statement: String,
    pub(super) window: Duration,
    pub(super) stop: CancellationToken,
}

impl WakeSender {
    /// Sends a wake-up for each signal; ends after the last one when the store is closed.
    pub(super) async fn run(self) {
        let mut client = None;
        loop {
            // Signals come before the end: one given before closing is still sent.
            tokio::select! {
                biased;
                () = self.waker.signalled() => {}
                () = self.stop.cancelled() => return,
            }
            if self.stop.is_cancelled() {
                let _ = tokio::time::timeout(LAST_WAKE_TIMEOUT, self.send(client)).await;
                return;
            }
            let began = Instant::now();
            client = tokio::select! {
                sent = self.send_at_last(client.take()) => Some(sent),
                () = self.stop.cancelled() => {
                    self.waker.give_back();
                    None
                }
            };
            tokio::select! {
                () = tokio::time::sleep(rest(began.elapsed(), self.window)) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Sends one wake-up, on a new connection as often as it takes.
    async fn send_at_last(&self, client: Option<Client>) -> Client {
        if let Ok(client) = self.send(client).await {
            return client;
        }
        let attempts =
            ExponentialBuilder::default().with_jitter().with_max_delay(PAUSE_MAX).without_max_times();
        (|| self.send(None))
            .retry(attempts)
            .notify(|error, _| {
                PAUSES.count(Pause::WakeSender);
                debug!(%error, "wake-up could not be sent");
            })
            .await
            .expect("a retry without end has no last error")
    }

    async fn send(&self, client: Option<Client>) -> Result<Client, WakeError> {
        let sent = self.send_once(client).await;
        WAKEUPS_SENT.count(if sent.is_ok() { SendOutcome::Sent } else { SendOutcome::Failed });
        sent
    }

    async fn send_once(&self, client: Option<Client>) -> Result<Client, WakeError> {
        let client = match client {
            Some(client) if !client.is_closed() => client,
            _ => connect(&self.options).await?.into_client(),
        };
        // A connection that takes what is sent and never answers is given up like one that broke.
        let sent = tokio::time::timeout(SEND_TIMEOUT, client.batch_execute(&self.statement));
        sent.await.map_err(|_| WakeError::Silent)??;
        Ok(client)
    }
}

/// Returns how long the next wake-up waits after one that took so long to send.
fn rest(took: Duration, window: Duration) -> Duration {
    (took * REST).clamp(window, window * REST_MAX)
}

#[derive(Debug, thiserror::Error)]
enum WakeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Send(#[from] tokio_postgres::Error),
    #[error("NOTIFY was not answered in time")]
    Silent,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_is_woken_less_often_within_bounds() {
        let window = Duration::from_millis(2);
        let rests = [0, 100, 1_000, 60_000].map(|micros| rest(Duration::from_micros(micros), window));
        assert_eq!(rests, [2, 2, 4, 20].map(Duration::from_millis));
    }
}
