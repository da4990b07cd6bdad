//! The repository: aggregates in and out of the log.
//!
//! Guarantees
//! - a command is decided on the state that its events are appended to, or not at all;
//! - a load holds at most two pages of events in memory, however long the stream is.
//!
//! Leaves to others: reconnecting and pooling (`eventstore`), the rules (`Aggregate`).

mod append;
mod backoff;
mod decision;
mod execute;
mod join;
mod load;
mod options;
mod source;

use std::fmt;
use std::marker::PhantomData;

use annals_eventstore::{EventStore, PAGE_EVENTS_DEFAULT, StreamName, TransactionalStore, Version};
use chrono::{DateTime, Utc};

use crate::aggregate::Aggregate;
use crate::context::Context;
use crate::error::{ExecuteError, LoadError};
use crate::executed::Executed;
use crate::loaded::Loaded;

use source::InTransaction;

pub(crate) use append::{NotAppended, appended};
pub(crate) use backoff::pause;
pub(crate) use decision::encode;
pub(crate) use load::catch_up;
pub use options::{EXECUTE_ATTEMPTS_DEFAULT, ExecuteOptions};
pub(crate) use source::Log;

/// Loads the aggregates of one type from a log, and executes commands on them.
///
/// Cheap to clone when the store is; it keeps nothing between two calls.
///
/// # Examples
///
/// ```no_run
/// # use annals_aggregates::{Aggregate, Context, Executed, Repository};
/// # async fn example<Account: Aggregate<Id = u32>>(
/// #     store: impl annals_eventstore::EventStore,
/// #     withdraw: Account::Command,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let accounts = Repository::<Account, _>::new(store);
/// match accounts.execute(&7, withdraw, &Context::new()).await? {
///     Executed::Applied { receipt, .. } => println!("account-7 is at version {}", receipt.to_version),
///     _ => println!("nothing had to be done"),
/// }
/// # Ok(())
/// # }
/// ```
pub struct Repository<A, S> {
    store: S,
    page_events: usize,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// Makes a repository over a log.
    pub fn new(store: S) -> Self {
        Self { store, page_events: PAGE_EVENTS_DEFAULT, aggregate: PhantomData }
    }

    /// Sets the most events of a page, at least one; [`PAGE_EVENTS_DEFAULT`] unless told otherwise. A load holds
    /// two pages.
    #[must_use]
    pub fn page_events(self, page_events: usize) -> Self {
        Self { page_events: page_events.max(1), ..self }
    }

    /// Returns the log.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Loads an aggregate as it is now; the default state at version 0 when nothing has happened to it.
    ///
    /// Its state is that of the events the log shows: what was truncated or deleted is no longer part of it.
    ///
    /// # Errors
    ///
    /// [`LoadError`], except [`LoadError::VersionNotReached`].
    pub async fn load(&self, id: &A::Id) -> Result<Loaded<A>, LoadError> {
        let stream = A::stream_name(id)?;
        let mut loaded = Loaded::default();
        self.catch_up(&stream, &mut loaded).await?;
        Ok(loaded)
    }

    /// Loads an aggregate as it was when its stream was at this version.
    ///
    /// # Errors
    ///
    /// [`LoadError::VersionNotReached`] when the stream is shorter, or another [`LoadError`].
    pub async fn load_at(&self, id: &A::Id, version: Version) -> Result<Loaded<A>, LoadError> {
        load::load_at(&Log(&self.store), self.page_events, id, version).await
    }

    /// Loads an aggregate as it was at a time, by the clock of the log that recorded its events.
    ///
    /// What counts is everything before the first event recorded after that time, so the result is a state
    /// that really was, even where the log's clock was set back.
    ///
    /// # Errors
    ///
    /// [`LoadError`], except [`LoadError::VersionNotReached`].
    pub async fn load_at_time(&self, id: &A::Id, time: DateTime<Utc>) -> Result<Loaded<A>, LoadError> {
        load::load_at_time(&Log(&self.store), self.page_events, id, time).await
    }

    /// Executes a command: loads, decides, appends at the loaded version; when another writer came first,
    /// loads what it wrote and decides again.
    ///
    /// Dropping the future leaves open whether the events were stored, as a broken connection would.
    ///
    /// # Errors
    ///
    /// [`ExecuteError`]; only [`ExecuteError::OutcomeUnknown`] leaves open whether anything was written.
    pub async fn execute(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
    ) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
        execute::execute(self, id, command, context, ExecuteOptions::default()).await
    }

    /// Executes a command under options: an idempotency key, another number of attempts.
    ///
    /// # Errors
    ///
    /// As [`Repository::execute`].
    pub async fn execute_with(
        &self,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
    ) -> Result<Executed<A>, ExecuteError<A::Refusal>> {
        execute::execute(self, id, command, context, options).await
    }

    /// Executes a command inside a transaction of the caller's, on the database that holds the log: its events
    /// are stored together with whatever else the transaction writes, or not at all.
    ///
    /// The aggregate is loaded in the transaction and shows what was appended in it. What is returned holds
    /// once the caller has committed; call [`TransactionalStore::wake`] then. One decision is taken, whatever
    /// the options say.
    ///
    /// # Errors
    ///
    /// [`ExecuteError`]. After [`ExecuteError::Conflict`] and a fault of the log the transaction is aborted, up
    /// to its last savepoint: begin anew. A refusal leaves it as it was.
    pub async fn execute_in(
        &self,
        transaction: &S::Transaction<'_>,
        id: &A::Id,
        command: A::Command,
        context: &Context,
        options: ExecuteOptions,
    ) -> Result<Executed<A>, ExecuteError<A::Refusal>>
    where
        S: TransactionalStore,
    {
        let source = InTransaction { store: &self.store, transaction };
        join::execute_in(source, self.page_events, id, command, context, options).await
    }

    /// Takes in what is new since the state was loaded.
    async fn catch_up(&self, stream: &StreamName, loaded: &mut Loaded<A>) -> Result<(), LoadError> {
        catch_up(&Log(&self.store), self.page_events, stream, loaded).await
    }
}

impl<A, S: Clone> Clone for Repository<A, S> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), page_events: self.page_events, aggregate: PhantomData }
    }
}

impl<A: Aggregate, S> fmt::Debug for Repository<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("category", &A::CATEGORY)
            .field("page_events", &self.page_events)
            .finish_non_exhaustive()
    }
}
