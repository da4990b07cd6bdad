//! Handles: aggregates that stay in memory, each with a mailbox and one task that works through it.
//!
//! Guarantees
//! - the commands that wait for an aggregate are decided in the order of their arrival and stored in one append;
//!   each caller gets the answer to its own command, and not before that append is over;
//! - of one aggregate at most one task of this process is under way; other processes may write to it too;
//! - a mailbox is bounded: who finds it full waits, or is refused, as it wishes;
//! - a panic of the aggregate's own code fails the command that led to it and no other.
//!
//! Leaves to others: loading, snapshots (`repository`), and what one process cannot know of another.

mod actor;
mod batch;
mod directory;
mod envelope;
mod error;
pub(crate) mod guarded;
mod options;
mod plan;
mod registry;

use std::fmt;
use std::sync::Arc;

use annals_eventstore::{EventStore, StreamName};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::{ExecuteError, Fault, LoadError};
use crate::executed::Executed;
use crate::repository::{ExecuteOptions, Repository};

use directory::Mailbox;
use envelope::{Answer, Envelope};
pub use error::HandleError;
pub use options::{BATCH_COMMANDS_DEFAULT, HandleOptions, IDLE_DEFAULT, MAILBOX_COMMANDS_DEFAULT};
use registry::Registry;

/// Handles to the aggregates of one type. Cheap to clone; all clones share the aggregates in memory.
///
/// For aggregates that many callers meet at: their commands are batched instead of fighting each other. A caller
/// that goes away while it waits leaves its command in the mailbox, and it is carried out; under an idempotency key it is
/// not, unless it was decided already: its caller can send it again.
///
/// # Examples
///
/// ```no_run
/// # use annals_aggregates::{Aggregate, Context, HandleError, HandleOptions, Handles, Repository};
/// # async fn example<Account: Aggregate<Id = u32>>(
/// #     store: impl annals_eventstore::EventStore,
/// #     deposit: Account::Command,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let accounts = Handles::<Account, _>::new(Repository::new(store), HandleOptions::default());
/// accounts.execute(&7, deposit.clone(), &Context::new()).await?;
///
/// // Rather an answer now than waiting for room.
/// if let Err(HandleError::Busy { commands, .. }) = accounts.try_execute(&7, deposit, &Context::new()).await {
///     println!("{commands} others wait already");
/// }
/// accounts.shut_down().await;
/// # Ok(())
/// # }
/// ```
pub struct Handles<A: Aggregate, S>(Arc<Registry<A, S>>);

/// What to do where a mailbox is full.
#[derive(Clone, Copy)]
enum WhenFull {
    Wait,
    Refuse,
}

impl<A: Aggregate, S: EventStore> Handles<A, S> {
    /// Makes handles to the aggregates of a repository. Its snapshots serve them; a cache is of no use to them.
    pub fn new(repository: Repository<A, S>, options: HandleOptions) -> Self {
        Self(Arc::new(Registry::new(repository, options)))
    }

    /// Returns the repository behind them.
    pub fn repository(&self) -> &Repository<A, S> {
        &self.0.repository
    }

    /// Returns how many aggregates are in memory.
    pub fn live(&self) -> usize {
        self.0.directory.live()
    }

    /// Sends a command to an aggregate and waits for the answer, and before that for room in the mailbox.
    ///
    /// # Errors
    ///
    /// [`HandleError`], except [`HandleError::Busy`].
    pub async fn execute(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        self.execute_with(id, command, context, ExecuteOptions::default()).await
    }

    /// As [`Handles::execute`], under options: an idempotency key, another number of attempts.
    ///
    /// # Errors
    ///
    /// [`HandleError`], except [`HandleError::Busy`].
    pub async fn execute_with(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        self.execute_told(id, command, context, options, || ()).await
    }

    /// As [`Handles::execute_with`]; tells when the command has its place in the mailbox, from where on it may be
    /// carried out even if the caller goes away.
    pub(crate) async fn execute_told(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
        taken: impl FnOnce() + Send,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        self.send(id, command, context, options, WhenFull::Wait, taken).await
    }

    /// Sends a command to an aggregate and waits for the answer; is refused where the mailbox is full.
    ///
    /// # Errors
    ///
    /// [`HandleError`].
    pub async fn try_execute(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        self.try_execute_with(id, command, context, ExecuteOptions::default()).await
    }

    /// As [`Handles::try_execute`], under options.
    ///
    /// # Errors
    ///
    /// [`HandleError`].
    pub async fn try_execute_with(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        self.send(id, command, context, options, WhenFull::Refuse, || ()).await
    }

    /// Lets no more commands in, and waits until those that arrived are carried out and answered.
    ///
    /// A command that waits for room is told [`HandleError::ShutDown`]. Snapshots that are due are written before
    /// this returns.
    pub async fn shut_down(&self) {
        self.0.directory.close();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.repository.flush_snapshots().await;
    }

    async fn send(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
        when_full: WhenFull,
        taken: impl FnOnce() + Send,
    ) -> Result<Executed<A>, HandleError<A::Refusal>> {
        let stream =
            A::stream_name(id).map_err(LoadError::from).map_err(Fault::from).map_err(ExecuteError::from)?;
        let (answer, answered) = oneshot::channel::<Answer<A>>();
        let mut envelope = Box::new(Envelope { command, context: context.clone(), options, answer });
        loop {
            let Some(mailbox) = self.0.way_to(&stream) else { return Err(HandleError::ShutDown) };
            match self.put(&stream, mailbox, envelope, when_full).await? {
                None => break,
                Some(returned) => envelope = returned,
            }
        }
        taken();
        answered.await.unwrap_or(Err(HandleError::Lost { stream }))
    }

    /// Puts a command into a mailbox; returns it where the task behind the mailbox is gone.
    async fn put(
        &self,
        stream: &StreamName,
        mailbox: Mailbox<A>,
        envelope: Box<Envelope<A>>,
        when_full: WhenFull,
    ) -> Result<Option<Box<Envelope<A>>>, HandleError<A::Refusal>> {
        match when_full {
            WhenFull::Wait => Ok(mailbox.send(envelope).await.err().map(|refused| refused.0)),
            WhenFull::Refuse => match mailbox.try_send(envelope) {
                Ok(()) => Ok(None),
                Err(TrySendError::Closed(envelope)) => Ok(Some(envelope)),
                Err(TrySendError::Full(_)) => {
                    let commands = self.0.options.mailbox_commands;
                    Err(HandleError::Busy { stream: stream.clone(), commands })
                }
            },
        }
    }
}

impl<A: Aggregate, S> Clone for Handles<A, S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Aggregate, S> fmt::Debug for Handles<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handles")
            .field("category", &A::CATEGORY)
            .field("options", &self.0.options)
            .finish_non_exhaustive()
    }
}
