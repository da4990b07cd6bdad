//! The store in PostgreSQL keeps every promise when each thing is done by the role that is for it, which has no right
//! beyond that.

use annals_eventstore::PostgresStore;
use annals_eventstore::conformance::{CaseResult, SqlHarness, StoreHarness, conformance_suite};
use tokio_postgres::Client;

use crate::conformance_postgres::suite_of_postgres;
use crate::support::{DbByRole, StoreByRole};

impl StoreHarness for DbByRole {
    type Store = StoreByRole;
    type Operator = PostgresStore;

    fn store(&self) -> StoreByRole {
        DbByRole::store(self)
    }

    fn operator(&self) -> PostgresStore {
        DbByRole::operator(self)
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        self.db.require_unique_event_ids().await
    }
}

/// What a case does in SQL of its own it does as the owner.
impl SqlHarness for DbByRole {
    async fn connect(&self) -> CaseResult<Client> {
        SqlHarness::connect(&self.db).await
    }

    fn schema(&self) -> &str {
        self.db.schema()
    }
}

suite_of_postgres! {
    harness: async { DbByRole::fresh().await.expect("a database for the test") },
}
