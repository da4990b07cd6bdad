//! The ways to the aggregates in memory.
//!
//! Guarantees: nobody holds a way to an aggregate that was let go: both happen under one lock.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use annals_eventstore::StreamName;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::envelope::Envelope;
use crate::aggregate::Aggregate;

/// The way to an aggregate in memory.
pub(super) type Mailbox<A> = mpsc::Sender<Box<Envelope<A>>>;

/// The other end of it.
pub(super) type Inbox<A> = mpsc::Receiver<Box<Envelope<A>>>;

/// The ways to all aggregates of one type that are in memory.
pub(super) struct Directory<A: Aggregate> {
    mailboxes: Mutex<HashMap<StreamName, Mailbox<A>>>,
    pub(super) closed: CancellationToken,
}

impl<A: Aggregate> Default for Directory<A> {
    fn default() -> Self {
        Self { mailboxes: Mutex::default(), closed: CancellationToken::new() }
    }
}

impl<A: Aggregate> Directory<A> {
    /// Returns the way to an aggregate, having it brought into memory where it is not; nothing when closed.
    pub(super) fn way_to(
        &self,
        stream: &StreamName,
        bring_in: impl FnOnce() -> Mailbox<A>,
    ) -> Option<Mailbox<A>> {
        let mut mailboxes = self.mailboxes();
        if self.closed.is_cancelled() {
            return None;
        }
        // The mailbox of a task that died is closed.
        if let Some(mailbox) = mailboxes.get(stream).filter(|mailbox| !mailbox.is_closed()) {
            return Some(mailbox.clone());
        }
        let mailbox = bring_in();
        mailboxes.insert(stream.clone(), mailbox.clone());
        Some(mailbox)
    }

    /// Lets go of an aggregate, unless somebody has a way to it or a command waits.
    pub(super) fn let_go(&self, stream: &StreamName, inbox: &Inbox<A>) -> bool {
        let mut mailboxes = self.mailboxes();
        // The one way that is left is the directory's own.
        let is_alone = inbox.is_empty() && inbox.sender_strong_count() <= 1;
        if is_alone {
            mailboxes.remove(stream);
        }
        is_alone
    }

    /// Gives no more ways, and forgets all.
    pub(super) fn close(&self) {
        let mut mailboxes = self.mailboxes();
        self.closed.cancel();
        mailboxes.clear();
    }

    /// Returns how many aggregates are in memory.
    pub(super) fn live(&self) -> usize {
        self.mailboxes().len()
    }

    fn mailboxes(&self) -> MutexGuard<'_, HashMap<StreamName, Mailbox<A>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::sync::oneshot;

    use super::*;
    use crate::context::Context;
    use crate::events::Events;
    use crate::repository::ExecuteOptions;

    #[derive(Debug, Clone, Default)]
    struct Nobody;

    #[derive(Debug, annals_eventstore::Event)]
    #[event(crate = annals_eventstore)]
    enum Nothing {
        #[event(name = "nothing")]
        Happened,
    }

    impl Aggregate for Nobody {
        const CATEGORY: &'static str = "nobody";
        type Id = u32;
        type Command = ();
        type Event = Nothing;
        type Refusal = Infallible;

        fn decide(&self, (): (), _: &Context) -> Result<Events<Nothing>, Infallible> {
            Ok(Nothing::Happened.into())
        }

        fn evolve(&mut self, Nothing::Happened: &Nothing) {}
    }

    /// A directory with one aggregate in memory, a way to it, and where the way ends.
    fn one_in_memory() -> (Directory<Nobody>, StreamName, Mailbox<Nobody>, Inbox<Nobody>) {
        let (directory, stream) = (Directory::default(), "nobody-1".parse().expect("a stream name"));
        let (mailbox, inbox) = mpsc::channel(4);
        let way = directory.way_to(&stream, || mailbox).expect("the directory is open");
        (directory, stream, way, inbox)
    }

    fn send(way: &Mailbox<Nobody>) {
        let (answer, _) = oneshot::channel();
        let (context, options) = (Context::new(), ExecuteOptions::default());
        let envelope = Box::new(Envelope { command: (), context, options, answer });
        way.try_send(envelope).expect("there is room");
    }

    #[test]
    fn an_aggregate_is_let_go_only_when_nobody_has_a_way_to_it_and_no_command_waits() {
        let (directory, stream, way, mut inbox) = one_in_memory();
        assert!(!directory.let_go(&stream, &inbox), "somebody has a way to it");
        send(&way);
        assert!(!directory.let_go(&stream, &inbox), "somebody has a way to it, and a command waits");
        drop(way);
        assert!(!directory.let_go(&stream, &inbox), "a command waits");
        assert_eq!(directory.live(), 1);

        inbox.try_recv().expect("the command waits still");

        assert!(directory.let_go(&stream, &inbox));
        assert_eq!(directory.live(), 0);
    }
}
