//! The command service: commands in, answers out, as a [`tower::Service`] with everything around it that a service
//! under load needs.
//!
//! ```text
//! Command
//!   trace        a span per command, those that are turned away below included
//!   meter        counted by what came of it
//!   drain        nothing begins once the end was called, which waits for what is under way
//!   shed         so many at once; one more is turned away (or waits: `WhenFull::Wait`)
//!   breaker      while the log cannot be reached: turned away at once
//!   deadline     no caller waits longer than it wants to
//!   idempotency  the command's id becomes the key of its events
//! Repository or Handles
//! ```
//!
//! The order is part of the contract. What is turned away is traced and counted, and takes no place; the breaker sees the
//! deadlines that pass, since a log that fell silent looks like that, and no shed command, which says nothing about the
//! log; the deadline ends the work itself, and so frees the place of the command. Where no place is free and the breaker is
//! open, the answer is that no place is free.
//!
//! Guarantees
//! - an error says whether anything can have been written, and what to do: [`CommandError`];
//! - a command that was accepted has one effect, however often it is sent under its id;
//! - `poll_ready` passes pressure on, where the options say so, and takes nothing: only a call has a place.
//!
//! Leaves to others: sending again, which is the caller's, who has the command id; limits per aggregate (`handle`).

mod breaker;
mod carrier;
mod command;
mod deadline;
mod drain;
mod error;
mod idempotency;
mod meter;
mod options;
mod outcome;
mod shed;
mod stack;
mod trace;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use crate::aggregate::Aggregate;
use crate::executed::Executed;

pub use breaker::{
    BREAKER_FAILURES_DEFAULT, BREAKER_OPEN_DEFAULT, BREAKER_PROBES_DEFAULT, Breaker, BreakerError,
    BreakerFuture, BreakerLayer, BreakerOptions, Evidence, TellsEvidence,
};
pub use carrier::CarriesOut;
pub use command::{Command, CommandId};
pub use deadline::{Deadline, DeadlineError, DeadlineFuture, DeadlineLayer, DeadlineOwner};
pub use drain::{Drain, DrainError, DrainFuture, DrainLayer};
pub use error::CommandError;
pub use idempotency::{Idempotency, IdempotencyError, IdempotencyFuture, IdempotencyLayer, Keyed};
pub use meter::{Meter, MeterFuture, MeterLayer};
pub use options::{
    CONCURRENT_COMMANDS_DEFAULT, CommandServiceOptions, DEADLINE_DEFAULT, InvalidCommandServiceOptions,
    WhenFull,
};
pub use outcome::TellsOutcome;
pub use shed::{Shed, ShedError, ShedFuture, ShedLayer};
use stack::{Boxed, stack};
pub use trace::{TellsFailure, Trace, TraceFuture, TraceLayer};

/// A future whose type is not told.
type BoxedFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Takes commands to the aggregates of one type, and answers them. Cheap to clone; all clones are one service.
///
/// # Examples
///
/// ```no_run
/// # use annals_aggregates::{Aggregate, Repository};
/// # use annals_aggregates::service::{Command, CommandId, CommandService, CommandServiceOptions};
/// # async fn example<Account: Aggregate<Id = u32>>(
/// #     store: impl annals_eventstore::EventStore,
/// #     deposit: Account::Command,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let accounts =
///     CommandService::<Account>::new(Repository::new(store), CommandServiceOptions::default())?;
///
/// let command = Command::new(7, deposit, CommandId::from("deposit 17"));
/// match accounts.execute(command).await {
///     Ok(executed) => println!("at position {:?}", executed.position()),
///     Err(error) if error.may_have_effect() => println!("{error}"),
///     Err(error) => println!("nothing was written: {error}"),
/// }
/// accounts.shut_down().await;
/// # Ok(())
/// # }
/// ```
pub struct CommandService<A: Aggregate> {
    inner: Boxed<A>,
    drain: DrainLayer,
    shed: Option<ShedLayer>,
    finish: Arc<dyn Fn() -> BoxedFuture<()> + Send + Sync>,
    options: CommandServiceOptions,
}

impl<A: Aggregate> CommandService<A> {
    /// Makes a service before a [`crate::Repository`] or [`crate::Handles`].
    ///
    /// # Errors
    ///
    /// [`InvalidCommandServiceOptions`], with everything that is wrong.
    pub fn new<C: CarriesOut<A>>(
        carrier: C,
        options: CommandServiceOptions,
    ) -> Result<Self, InvalidCommandServiceOptions> {
        options.validate()?;
        let drain = DrainLayer::new();
        let shed = options
            .concurrent_commands
            .map(|limit| ShedLayer::new(limit).when_full(options.when_full).wait_at_most(options.deadline));
        let inner = stack(carrier.clone(), &drain, shed.as_ref(), &options);
        let finish = Arc::new(move || -> BoxedFuture<()> {
            let carrier = carrier.clone();
            Box::pin(async move { carrier.finish().await })
        });
        Ok(Self { inner, drain, shed, finish, options })
    }

    /// Sends a command and waits for the answer, and before that for a place, where the options say so: until its
    /// deadline, the service's limit or the end of the service at most.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; where it may have an effect nonetheless, [`CommandError::may_have_effect`] says so.
    pub async fn execute(&self, command: Command<A>) -> Result<Executed<A>, CommandError<A::Refusal>> {
        // Not before it is ready, but at once: all layers are ours, and the call waits where it has to, in its turn,
        // with its deadline, traced and counted.
        self.inner.clone().call(command).await
    }

    /// Lets no more commands in, those that wait for a place included, and waits until those that are under way are
    /// answered, what somebody still waits for in mailboxes is carried out, and snapshots that are due are written.
    /// Handles that it stands before are shut down with it.
    pub async fn shut_down(&self) {
        self.drain.close();
        if let Some(shed) = &self.shed {
            shed.close();
        }
        self.drain.drain().await;
        (self.finish)().await;
    }

    /// Returns how commands are let through.
    pub fn options(&self) -> &CommandServiceOptions {
        &self.options
    }
}

impl<A: Aggregate> Service<Command<A>> for CommandService<A> {
    type Response = Executed<A>;
    type Error = CommandError<A::Refusal>;
    type Future = BoxedFuture<Result<Executed<A>, CommandError<A::Refusal>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, command: Command<A>) -> Self::Future {
        self.inner.call(command)
    }
}

impl<A: Aggregate> Clone for CommandService<A> {
    fn clone(&self) -> Self {
        let (inner, drain, shed) = (self.inner.clone(), self.drain.clone(), self.shed.clone());
        Self { inner, drain, shed, finish: Arc::clone(&self.finish), options: self.options }
    }
}

impl<A: Aggregate> fmt::Debug for CommandService<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandService")
            .field("category", &A::CATEGORY)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
