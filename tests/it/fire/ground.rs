//! The database that runners are under fire over, as the test itself looks into it.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::PostgresStore;
use annals_eventstore::postgres::{ConnectOptions, StoreConfig, connect};
use tokio::time::{Instant, sleep};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::fired::Fired;
use super::hosted::TABLES;

/// How long anything is waited for: a crash of the server, on a slow machine, included.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Which sessions are runners'.
pub(super) const RUNNER: &str = "annals-under-fire";

pub(super) struct Ground {
    url: String,
    search_path: Option<String>,
    pub(super) lease: Duration,
    pub(super) fired: Fired,
    pub(super) store: PostgresStore,
}

impl Ground {
    /// Sets tables up in a migrated database; the name tells it from others of this process.
    pub(super) async fn open(name: &str, url: &str, lease: Duration) -> Result<Self, TestFailure> {
        let config = StoreConfig::new(url.parse()?);
        let store = PostgresStore::open(config).await?;
        let ground =
            Self { url: url.to_owned(), search_path: None, lease, fired: Fired::in_file(name), store };
        ground.client().await?.batch_execute(TABLES).await?;
        Ok(ground)
    }

    /// Returns how runners connect.
    pub(super) fn runner_url(&self) -> String {
        let sign = if self.url.contains('?') { '&' } else { '?' };
        let path = self.search_path.as_ref().map(|path| path.replace(' ', "").replace(',', "%2C"));
        let options = path.map(|path| format!("&options=-c%20search_path%3D{path}")).unwrap_or_default();
        format!("{}{sign}application_name={RUNNER}{options}", self.url)
    }

    /// Lets the sessions of runners look for names in these schemas.
    pub(super) fn runners_look_in(&mut self, search_path: &str) {
        self.search_path = Some(search_path.to_owned());
    }

    /// Connects, however often it takes: the server may be starting again.
    pub(super) async fn client(&self) -> Result<Client, TestFailure> {
        let (options, begun): (ConnectOptions, _) = (self.url.parse()?, Instant::now());
        loop {
            match connect(&options).await {
                Ok(connected) => return Ok(connected.into_client()),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// Asks something, once more where the server was lost over it.
    pub(super) async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, TestFailure> {
        let begun = Instant::now();
        loop {
            match self.client().await?.query(sql, values).await {
                Ok(rows) => return Ok(rows),
                Err(error) if error.code().is_some_and(|code| !code.code().starts_with("57P")) => {
                    return Err(error.into());
                }
                Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => {}
            }
        }
    }

    pub(super) async fn number(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<i64, TestFailure> {
        Ok(self.query(sql, values).await?.first().ok_or("a row was expected")?.try_get(0)?)
    }

    /// Waits until a question is answered with a number that will do.
    pub(super) async fn until(
        &self,
        what: &str,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        will_do: impl Fn(i64) -> bool,
    ) -> TestResult {
        let begun = Instant::now();
        loop {
            let number = self.number(sql, values).await?;
            if will_do(number) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{what}: it is still {number}").into());
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}
