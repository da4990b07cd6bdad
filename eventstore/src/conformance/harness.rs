//! What a case needs from an adapter.

use std::future::Future;

use tokio_postgres::Client;

use crate::conformance::failure::CaseResult;
use crate::retention::StreamRetention;
use crate::store::EventStore;

/// A store with an empty log, one for each case.
pub trait StoreHarness: Sync {
    /// The adapter under test.
    type Store: EventStore;
    /// What deletes streams of the same log; the adapter itself, or with more rights.
    type Operator: StreamRetention;

    /// Returns a handle to the store; every call speaks to the same log.
    fn store(&self) -> Self::Store;

    /// Returns a handle for deleting and scrubbing streams of that log.
    fn operator(&self) -> Self::Operator;

    /// Makes the log refuse event ids that it holds already, from now on.
    ///
    /// # Errors
    ///
    /// A fault of the store.
    fn require_unique_event_ids(&self) -> impl Future<Output = CaseResult> + Send;
}

/// A store whose log is a PostgreSQL schema: cases hold transactions open there and speak plain SQL.
pub trait SqlHarness: StoreHarness {
    /// Opens one more connection to the log's database, as the role that owns the log.
    ///
    /// # Errors
    ///
    /// A fault of the connection.
    fn connect(&self) -> impl Future<Output = CaseResult<Client>> + Send;

    /// Returns the name of the log's schema.
    fn schema(&self) -> &str;
}
