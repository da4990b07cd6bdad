//! The store in PostgreSQL keeps every promise behind a pooler in transaction mode.

use annals_eventstore::PostgresStore;
use annals_eventstore::conformance::{CaseResult, SqlHarness, StoreHarness, conformance_suite};
use tokio_postgres::Client;

use crate::conformance_postgres::suite_of_postgres;
use crate::support::{PooledDb, skipped_without_pooler};

impl StoreHarness for PooledDb {
    type Store = PostgresStore;
    type Operator = PostgresStore;

    fn store(&self) -> PostgresStore {
        PooledDb::store(self)
    }

    fn operator(&self) -> PostgresStore {
        PooledDb::store(self)
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        self.db.require_unique_event_ids().await
    }
}

/// Transactions that a case holds open go past the pooler, which they would only narrow.
impl SqlHarness for PooledDb {
    async fn connect(&self) -> CaseResult<Client> {
        SqlHarness::connect(&self.db).await
    }

    fn schema(&self) -> &str {
        self.db.schema()
    }
}

suite_of_postgres! {
    // Enough connections for a case whose appends wait for each other.
    harness: async { PooledDb::fresh(40).await.expect("a database and a pooler for the test") },
    unless: |case: &str| skipped_without_pooler(&format!("conformance_pooler::{case}")),
}
