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
mod ports;
mod source;

use std::fmt;
use std::sync::Arc;

use annals_eventstore::{EventStore, PAGE_EVENTS_DEFAULT, StreamName, TransactionalStore, Version};
use chrono::{DateTime, Utc};

use crate::aggregate::Aggregate;
use crate::baseline::Baseline;
use crate::context::Context;
use crate::error::{ExecuteError, LoadError};
use crate::executed::Executed;
use crate::loaded::Loaded;

use source::InTransaction;

pub(crate) use append::{NotAppended, appended};
pub(crate) use backoff::pause;
pub(crate) use decision::{Verdict, decision, encode};
pub(crate) use load::catch_up;
pub use options::{EXECUTE_ATTEMPTS_DEFAULT, ExecuteOptions};
pub use ports::States;
pub(crate) use ports::{Boxed, Snapshots, Start};
pub(crate) use source::Log;

/// Loads the aggregates of one type from a log, and executes commands on them.
///
/// Cheap to clone when the store is. It keeps nothing between two calls, unless it is given a cache
/// ([`Repository::with_cache`], [`Repository::with_states`]) or snapshots ([`Repository::with_snapshots`]).
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
    snapshots: Option<Arc<dyn Snapshots<A>>>,
    states: Option<Arc<dyn States<A>>>,
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// Makes a repository over a log.
    pub fn new(store: S) -> Self {
        Self { store, page_events: PAGE_EVENTS_DEFAULT, snapshots: None, states: None }
    }

    /// Sets the most events of a page, at least one; [`PAGE_EVENTS_DEFAULT`] unless told otherwise. A load holds
    /// two pages.
    #[must_use]
    pub fn page_events(self, page_events: usize) -> Self {
        Self { page_events: page_events.max(1), ..self }
    }

    /// Keeps the states of recent commands in a cache of your own, for all clones of this repository.
    #[must_use]
    pub fn with_states(self, states: Arc<dyn States<A>>) -> Self {
        Self { states: Some(states), ..self }
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
        let mut baseline = self.load_baseline(&stream).await?;
        self.offer(&stream, &mut baseline);
        Ok(baseline.loaded)
    }

    /// Loads an aggregate as it was when its stream was at this version.
    ///
    /// # Errors
    ///
    /// [`LoadError::VersionNotReached`] when the stream is shorter, or another [`LoadError`].
    pub async fn load_at(&self, id: &A::Id, version: Version) -> Result<Loaded<A>, LoadError> {
        load::load_at(&Log(&self.store), self.snapshots(), self.page_events, id, version).await
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

    /// Keeps snapshots here.
    pub(crate) fn with_snapshotter(self, snapshots: Arc<dyn Snapshots<A>>) -> Self {
        Self { snapshots: Some(snapshots), ..self }
    }

    pub(crate) fn snapshots(&self) -> Option<&dyn Snapshots<A>> {
        self.snapshots.as_deref()
    }

    /// Returns the state that is kept of a stream.
    pub(crate) fn kept(&self, stream: &StreamName) -> Option<Baseline<A>> {
        self.states.as_ref()?.get(stream)
    }

    /// Keeps a state that is committed, in memory and, where that is due, as a snapshot.
    pub(crate) fn keep(&self, stream: &StreamName, baseline: &mut Baseline<A>) {
        self.offer(stream, baseline);
        let Some(states) = &self.states else { return };
        if baseline.loaded.version == Version::NONE {
            states.forget(stream);
        } else {
            states.put(stream, baseline.clone());
        }
    }

    /// Has a state that is committed kept as a snapshot, where that is due.
    pub(crate) fn offer(&self, stream: &StreamName, baseline: &mut Baseline<A>) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.offer(stream, baseline);
        }
    }

    pub(crate) async fn load_baseline(&self, stream: &StreamName) -> Result<Baseline<A>, LoadError> {
        load::load_baseline(&Log(&self.store), self.snapshots(), self.page_events, stream).await
    }

    /// Takes in what is new since the state was loaded.
    pub(crate) async fn catch_up(
        &self,
        stream: &StreamName,
        baseline: &mut Baseline<A>,
    ) -> Result<(), LoadError> {
        catch_up(&Log(&self.store), self.page_events, stream, &mut baseline.loaded).await?;
        // A stream that began again is shorter than its snapshots say.
        baseline.snapshot = baseline.snapshot.min(baseline.loaded.version);
        Ok(())
    }
}

impl<A, S: Clone> Clone for Repository<A, S> {
    fn clone(&self) -> Self {
        let (snapshots, states) = (self.snapshots.clone(), self.states.clone());
        Self { store: self.store.clone(), page_events: self.page_events, snapshots, states }
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
