//! The command service before a log in PostgreSQL: what its errors say about the log is true, and a command has one
//! effect whatever happens to it on the way.

mod breaker;
mod deadline;
mod once;
mod shed;

use std::time::Duration;

use annals::aggregates::service::{
    CarriesOut, Command, CommandError, CommandId, CommandService, CommandServiceOptions,
};
use annals::aggregates::{Executed, HandleOptions, Handles, Repository};
use annals::eventstore::PostgresStore;
use annals::eventstore::postgres::StoreConfig;
use annals_devdb::TestFailure;

use crate::support::{Counter, Full, TestDb};

/// As long as it takes: the machine that tests may be slow.
const LONG: Duration = Duration::from_secs(3600);

type Told = Result<Executed<Counter>, CommandError<Full>>;

/// A service that waits as long as it takes.
fn service(carrier: impl CarriesOut<Counter>) -> Result<CommandService<Counter>, TestFailure> {
    let options = CommandServiceOptions { deadline: Some(LONG), ..CommandServiceOptions::default() };
    Ok(CommandService::new(carrier, options)?)
}

/// Counters that are loaded for each command.
fn repository(store: &PostgresStore) -> Repository<Counter, PostgresStore> {
    Repository::new(store.clone())
}

/// Counters that stay in memory.
fn handles(store: &PostgresStore) -> Handles<Counter, PostgresStore> {
    Handles::new(repository(store), HandleOptions::default())
}

/// A store as another process would open it; wake-ups and published heads would be statements too.
async fn opened(url: &str) -> Result<PostgresStore, TestFailure> {
    let config = StoreConfig { notify: false, publish_head: None, ..StoreConfig::new(url.parse()?) };
    Ok(PostgresStore::open(config).await?)
}

fn count(counter: u32, by: u64, id: &str) -> Command<Counter> {
    Command::new(counter, by, CommandId::from(id))
}

/// How many events a counter has.
async fn events(db: &TestDb, counter: u32) -> Result<i64, TestFailure> {
    let sql = "select count(*) from annals.events e join annals.streams s using (stream_id) where s.stream_name = $1";
    Ok(db.connect().await?.query_one(sql, &[&format!("counter-{counter}")]).await?.get(0))
}
