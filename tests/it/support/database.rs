//! A migrated database for one test, and a store on it.

use annals_devdb::{DatabaseError, Template, TestDatabase};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{
    ConnectError, InvalidConnectOptions, MigrateError, OpenError, RolePrefix, RolesError, SchemaName,
    apply_roles, connect, migrate, migrations_fingerprint,
};
use deadpool_postgres::PoolError;
use tokio_postgres::Client;

use super::ran::Ran;

/// A database with an empty log; dropped when the test passes, kept and named when it fails.
pub(crate) struct TestDb {
    // Dropped in this order: the store lets go of its connections before the database goes.
    store: PostgresStore,
    database: TestDatabase,
    _ran: Option<Ran>,
}

impl TestDb {
    /// Makes a database as a copy of a migrated one with roles, and opens the log in it.
    pub(crate) async fn fresh() -> Result<Self, TestDbError> {
        let template = Template::new("log_and_roles", &migrations_fingerprint());
        let database = TestDatabase::create(&template, migrated).await?;
        let store = PostgresStore::connect(database.url()).await?;
        let client = store.pool().get().await?;
        let ran = Ran::on_server_of(&client).await?;
        Ok(Self { store, database, _ran: ran })
    }

    /// Returns a handle to the log.
    pub(crate) fn store(&self) -> PostgresStore {
        self.store.clone()
    }

    /// Opens one more connection, as the role that owns the log.
    pub(crate) async fn connect(&self) -> Result<Client, TestDbError> {
        Ok(connect(&self.url().parse()?).await?.into_client())
    }

    /// Returns the name of the log's schema.
    pub(crate) fn schema(&self) -> &str {
        self.store.config().schema.as_str()
    }

    /// Returns the connection string, password and all.
    pub(crate) fn url(&self) -> &str {
        self.database.url()
    }
}

async fn migrated(url: String) -> Result<(), TestDbError> {
    let (options, schema) = (url.parse()?, SchemaName::default());
    migrate(&options, &schema).await?;
    apply_roles(&options, &schema, &RolePrefix::from(&schema)).await?;
    Ok(())
}

/// Why there is no database for the test.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum TestDbError {
    Database(#[from] DatabaseError),
    Options(#[from] InvalidConnectOptions),
    Connect(#[from] ConnectError),
    Migrate(#[from] MigrateError),
    Roles(#[from] RolesError),
    Open(#[from] OpenError),
    Pool(#[from] PoolError),
    Server(#[from] tokio_postgres::Error),
}
