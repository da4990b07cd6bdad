//! Which aggregates are in memory.
//!
//! Guarantees: of one aggregate at most one task is under way, however many callers ask for it at once.

use std::sync::Arc;

use annals_eventstore::{EventStore, StreamName};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::actor;
use super::batch::Resident;
use super::directory::{Directory, Mailbox};
use super::options::HandleOptions;
use crate::aggregate::Aggregate;
use crate::repository::Repository;

/// All aggregates of one type that are in memory.
pub(super) struct Registry<A: Aggregate, S> {
    pub(super) repository: Repository<A, S>,
    pub(super) options: HandleOptions,
    pub(super) tasks: TaskTracker,
    pub(super) directory: Arc<Directory<A>>,
}

impl<A: Aggregate, S: EventStore> Registry<A, S> {
    pub(super) fn new(repository: Repository<A, S>, options: HandleOptions) -> Self {
        let options = HandleOptions {
            mailbox_commands: options.mailbox_commands.max(1),
            batch_commands: options.batch_commands.max(1),
            ..options
        };
        let (tasks, directory) = Default::default();
        Self { repository, options, tasks, directory }
    }

    /// Returns the way to an aggregate, bringing it into memory where it is not; nothing when shut down.
    pub(super) fn way_to(&self, stream: &StreamName) -> Option<Mailbox<A>> {
        self.directory.way_to(stream, || {
            let (mailbox, inbox) = mpsc::channel(self.options.mailbox_commands);
            let (directory, options) = (Arc::clone(&self.directory), self.options);
            let resident =
                Resident { repository: self.repository.clone(), stream: stream.clone(), baseline: None };
            self.tasks.spawn(actor::run(directory, options, resident, inbox));
            mailbox
        })
    }
}
