//! The store in PostgreSQL keeps every promise where all payloads are encrypted on their way into the log.

use annals_eventstore::PostgresStore;
use annals_eventstore::conformance::{CaseResult, SqlHarness, StoreHarness, conformance_suite};
use tokio_postgres::Client;

use crate::conformance_postgres::suite_of_postgres;
use crate::support::{Keys, TestDb};

struct SealedDb {
    store: PostgresStore,
    db: TestDb,
}

impl SealedDb {
    async fn fresh() -> Self {
        let db = TestDb::fresh().await.expect("a database for the test");
        let store = Keys::default().open(&db).await.expect("the log in it");
        Self { store, db }
    }
}

impl StoreHarness for SealedDb {
    type Store = PostgresStore;
    type Operator = PostgresStore;

    fn store(&self) -> PostgresStore {
        self.store.clone()
    }

    fn operator(&self) -> PostgresStore {
        self.store.clone()
    }

    async fn require_unique_event_ids(&self) -> CaseResult {
        self.db.require_unique_event_ids().await
    }
}

impl SqlHarness for SealedDb {
    async fn connect(&self) -> CaseResult<Client> {
        SqlHarness::connect(&self.db).await
    }

    fn schema(&self) -> &str {
        self.db.schema()
    }
}

suite_of_postgres! {
    harness: async { SealedDb::fresh().await },
}
