//! The reader behind a tailer: a task that reads the log once and deals its pages out.
//!
//! Guarantees: it runs while there are members, rides out faults that pass, and however it ends – a lasting
//! fault, a panic, the end of the runtime – nobody is left waiting for it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::page::TailPage;
use super::pauses::Pauses;
use super::roster::Roster;
use crate::read::LogPage;
use crate::store::EventStore;
use crate::subscription::{Subscription, SubscriptionPage};
use crate::telemetry::{PAUSES, Pause, TAILER_HEAD, TAILER_LAG, TAILER_PAGES, TAILER_POSITION, Woken};
use crate::wakeup::WokenBy;

/// One run of the reader.
#[derive(Debug)]
pub(super) struct Tail<S> {
    pub(super) store: S,
    pub(super) roster: Arc<Roster>,
    pub(super) reader: u64,
    pub(super) page_events: usize,
    pub(super) stop: CancellationToken,
}

/// Sends the members to their own cursors when the reader is gone.
struct Dismissal {
    roster: Arc<Roster>,
    reader: u64,
}

impl Drop for Dismissal {
    fn drop(&mut self) {
        self.roster.dismiss(self.reader);
    }
}

impl<S: EventStore> Tail<S> {
    /// Reads until nobody is left, or the tailer is stopped.
    pub(super) async fn run(self) {
        let _dismissal = Dismissal { roster: self.roster.clone(), reader: self.reader };
        tokio::select! {
            () = self.read() => {}
            () = self.everybody_left() => debug!("tailer rests: nobody is subscribed"),
            () = self.stop.cancelled() => {}
        }
    }

    async fn read(&self) {
        let begin = self.roster.cursor();
        let mut log = Subscription::resume(self.store.clone(), begin).page_events(self.page_events);
        let mut pauses = Pauses::default();
        loop {
            let after = log.cursor();
            match log.next().await {
                Ok(SubscriptionPage { log, woken_by }) => {
                    pauses.reset();
                    tell(&log, woken_by);
                    self.roster.deal(TailPage { after, log, woken_by });
                }
                Err(error) if error.is_transient() => {
                    let pause = pauses.next();
                    PAUSES.count(Pause::Tailer);
                    warn!(
                        error = &error as &dyn std::error::Error,
                        ?pause,
                        "tailer waits before it reads on"
                    );
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "tailer cannot read the log");
                    return;
                }
            }
        }
    }

    async fn everybody_left(&self) {
        while !self.roster.retire(self.reader) {
            self.roster.left().await;
        }
    }
}

/// Tells how far the log has been read.
fn tell(log: &LogPage, woken_by: WokenBy) {
    let (head, position) = (i64::from(log.head), i64::from(log.settled_to));
    TAILER_HEAD.set_count((), head);
    TAILER_POSITION.set_count((), position);
    TAILER_LAG.set_count((), (head - position).max(0));
    TAILER_PAGES.count(match woken_by {
        WokenBy::Reading => Woken::Reading,
        WokenBy::Notification => Woken::Notification,
        WokenBy::Poll => Woken::Poll,
        WokenBy::LookAgain => Woken::LookAgain,
    });
}
