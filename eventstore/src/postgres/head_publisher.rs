//! Publishing how far the log has settled, for readers on standbys, which cannot look themselves.
//!
//! ```text
//! resting --the log has grown--> publishing --nothing is held back--> resting
//! ```
//!
//! Guarantees
//! - what this process appended, or saw settle, is published at once, and then once per interval at most;
//! - nobody waits for it; what fails is tried again.
//!
//! Leaves to others: that what is published only rises, and what a standby does with it (`annals.look`).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::fault::{read_error, unsent_read};
use super::session::Session;
use crate::position::GlobalPosition;
use crate::read::ReadError;
use crate::telemetry::{HEAD_PUBLICATIONS, PAUSES, Pause, SendOutcome};

/// How long after a failure it is tried again.
const FAILED_PAUSE: Duration = Duration::from_secs(5);

/// How long closing waits for the last one.
const LAST_TIMEOUT: Duration = Duration::from_secs(1);

/// The signalling side; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct GrownLog(Arc<Growth>);

#[derive(Debug, Default)]
struct Growth {
    is_grown: Notify,
    /// The highest settled position that a reader of this process has seen.
    seen: AtomicI64,
}

impl GrownLog {
    /// Something was appended.
    pub(super) fn appended(&self) {
        self.0.is_grown.notify_one();
    }

    /// A reader has seen the log settled so far.
    pub(super) fn settled(&self, head: GlobalPosition) {
        let head = i64::from(head);
        if self.0.seen.fetch_max(head, Ordering::Relaxed) < head {
            self.0.is_grown.notify_one();
        }
    }
}

/// The publishing side: a task that lives until its store is closed.
#[derive(Debug)]
pub(super) struct HeadPublisher {
    pub(super) grown: GrownLog,
    pub(super) session: Session,
    pub(super) interval: Duration,
    pub(super) stop: CancellationToken,
}

impl HeadPublisher {
    /// Publishes whenever the log has grown; ends after the last time when the store is closed.
    pub(super) async fn run(self) {
        loop {
            // Growth comes before the end: what was appended before closing is still published.
            tokio::select! {
                biased;
                () = self.grown.0.is_grown.notified() => {}
                () = self.stop.cancelled() => return,
            }
            if self.stop.is_cancelled() {
                let _ = tokio::time::timeout(LAST_TIMEOUT, self.publish()).await;
                return;
            }
            let pause = match self.publish().await {
                Ok(is_held_back) => {
                    if is_held_back {
                        self.grown.appended();
                    }
                    self.interval
                }
                Err(error) => {
                    debug!(error = &error as &dyn std::error::Error, "head could not be published");
                    PAUSES.count(Pause::HeadPublisher);
                    self.grown.appended();
                    FAILED_PAUSE
                }
            };
            let _ = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Publishes once; tells whether an open append holds more back.
    async fn publish(&self) -> Result<bool, ReadError> {
        let published = self.ask().await;
        HEAD_PUBLICATIONS.count(if published.is_ok() { SendOutcome::Sent } else { SendOutcome::Failed });
        published
    }

    async fn ask(&self) -> Result<bool, ReadError> {
        let client = self.session.client().await.map_err(unsent_read)?;
        let statement = &self.session.statements.publish_head;
        let rows = self.session.manner.query(&client, statement, &[]).await.map_err(read_error)?;
        rows.first().map_or(Ok(false), |row| row.try_get(0)).map_err(read_error)
    }
}
