//! Who is fed by the tailer, and up to where.
//!
//! Guarantees: from the moment of joining a member gets every page behind the roster's position, without a
//! hole, until its queue closes. No wait happens under the lock.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::control::{SubscriptionHandle, SubscriptionState};
use super::page::TailPage;
use crate::cursor::Cursor;
use crate::position::GlobalPosition;
use crate::telemetry::{FallBack, SUBSCRIPTION_FALL_BACKS, SUBSCRIPTION_QUEUE};

/// The members of one tailer.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: Mutex<Members>,
    /// Told whenever a member left.
    left: Notify,
}

#[derive(Debug, Default)]
struct Members {
    feeds: Vec<Member>,
    /// Everything up to here has been dealt out.
    cursor: Cursor,
    /// The reader that feeds the members, if one runs, and how many ran before it.
    is_read: bool,
    reader: u64,
    joined: u64,
}

#[derive(Debug)]
struct Member {
    id: u64,
    queue: UnboundedSender<Queued>,
    handle: SubscriptionHandle,
}

/// A page in a queue, and the room it takes there.
#[derive(Debug)]
struct Queued {
    page: Arc<TailPage>,
    _room: OwnedSemaphorePermit,
}

/// The receiving end of a member; leaves when dropped.
#[derive(Debug)]
pub(super) struct Feed {
    id: u64,
    queue: UnboundedReceiver<Queued>,
    roster: Arc<Roster>,
}

/// What comes of joining.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) feed: Feed,
    /// The feed begins behind this position.
    pub(super) after: GlobalPosition,
    /// The number of the reader to be started, when none runs.
    pub(super) reader: Option<u64>,
}

impl Roster {
    /// Adds a member that has seen everything up to a position.
    pub(super) fn join(self: &Arc<Self>, handle: &SubscriptionHandle, cursor: Cursor) -> Joined {
        let (sender, queue) = unbounded_channel();
        let mut members = self.members();
        let reader = (!members.is_read).then(|| {
            members.is_read = true;
            members.reader += 1;
            members.cursor = cursor;
            members.reader
        });
        members.joined += 1;
        let id = members.joined;
        members.feeds.push(Member { id, queue: sender, handle: handle.clone() });
        Joined { feed: Feed { id, queue, roster: self.clone() }, after: members.cursor.position, reader }
    }

    /// Gives a page to every member that has room for it; the others are taken off and catch up.
    pub(super) fn deal(&self, page: TailPage) {
        let page = Arc::new(page);
        let mut members = self.members();
        members.feeds.retain(|member| member.take(&page));
        members.cursor = page.log.cursor(page.after);
    }

    /// Returns from where the reader reads on.
    pub(super) fn cursor(&self) -> Cursor {
        self.members().cursor
    }

    /// Returns how many members there are that have caught up.
    pub(super) fn live(&self) -> usize {
        let is_live = |member: &&Member| matches!(*member.handle.state().borrow(), SubscriptionState::Live);
        self.members().feeds.iter().filter(is_live).count()
    }

    /// Waits until a member has left.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// Ends the reader if nobody needs it; tells whether it did.
    pub(super) fn retire(&self, reader: u64) -> bool {
        let mut members = self.members();
        let is_idle = members.feeds.is_empty() && members.reader == reader;
        members.is_read &= !is_idle;
        is_idle
    }

    /// Takes everybody off when a reader has ended; they catch up and start another.
    pub(super) fn dismiss(&self, reader: u64) {
        let mut members = self.members();
        if members.is_read && members.reader == reader {
            members.is_read = false;
            for member in members.feeds.drain(..) {
                SUBSCRIPTION_FALL_BACKS.count(FallBack::ReaderEnded);
                member.handle.enter(SubscriptionState::CatchingUp);
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().expect("nothing panics while it holds the roster")
    }
}

impl Member {
    /// Queues a page; false when there is no room.
    fn take(&self, page: &Arc<TailPage>) -> bool {
        // A page larger than the whole queue takes all of it.
        let events = page.log.events.len().clamp(1, self.handle.queue_events());
        let permits = u32::try_from(events).expect("no queue is larger than u32");
        let Ok(room) = self.handle.room().clone().try_acquire_many_owned(permits) else {
            SUBSCRIPTION_FALL_BACKS.count(FallBack::QueueFull);
            self.handle.enter(SubscriptionState::CatchingUp);
            return false;
        };
        SUBSCRIPTION_QUEUE.record_count((), self.handle.queued_events());
        self.queue.send(Queued { page: page.clone(), _room: room }).is_ok()
    }
}

impl Feed {
    /// Waits for the next page; `None` when the tailer let go of this member. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Arc<TailPage>> {
        self.queue.recv().await.map(|queued| queued.page)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.roster.members().feeds.retain(|member| member.id != self.id);
        self.roster.left.notify_one();
    }
}
