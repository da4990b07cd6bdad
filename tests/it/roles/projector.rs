//! A runner logs in with the rights of a projector, an operator with those of an operator, and each can do its work.

use std::time::Duration;

use annals_devdb::TestResult;
use annals_eventstore::postgres::{Consumer, StoreConfig};
use annals_eventstore::{Append, Batch, EventStore, GlobalPosition, HandlerError, NewEvent, PostgresStore};
use annals_projections::{Operator, Progress, Projection, RebuildOptions, RebuildState, Runner};
use futures_util::StreamExt;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

use super::{PASSWORD, url_as};
use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

/// Counts events; refuses the second of a stream as long as there is a row that says so.
struct Counts;

impl Projection for Counts {
    const NAME: &'static str = "counts";
    const SCHEMA: Option<&'static str> = Some("counting");
    const TABLES: &'static str = "create table if not exists counts (position bigint);
                                  create table if not exists refused (version bigint)";

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            let refused = "select from refused where version = $1";
            if !batch.transaction.query(refused, &[&event.version.get()]).await?.is_empty() {
                return Err("it is refused".into());
            }
            let position = i64::from(event.position);
            batch.transaction.execute("insert into counts values ($1)", &[&position]).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_runner_works_as_a_projector_and_is_looked_after_by_an_operator() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let (projector, operator) =
        (format!("projector_{}", std::process::id()), format!("operator_{}", std::process::id()));
    let database: String = admin.query_one("select current_database()", &[]).await?.get(0);
    admin
        .batch_execute(&format!(
            "create role {projector} login password '{PASSWORD}'; grant annals_projector to {projector};
             grant create on database \"{database}\" to {projector};
             create role {operator} login password '{PASSWORD}'; grant annals_operator to {operator}"
        ))
        .await?;
    let events = [NewEvent::new("noted", &1)?, NewEvent::new("noted", &2)?, NewEvent::new("noted", &3)?];
    let end = db.store().append(Append::to("account-1".parse()?, events)).await?.to_position;

    let store = PostgresStore::open(StoreConfig::new(url_as(db.url(), &projector).parse()?)).await?;
    // The tables are made by a first run, and the event is refused before a second one begins.
    Runner::new(&store).host(|| Counts).start().await?.stop().await;
    admin
        .batch_execute(
            "update annals.checkpoints set position = 0, event_id = null; truncate counting.counts;
             insert into counting.refused values (2)",
        )
        .await?;
    let runner = Runner::new(&store).host(|| Counts).start().await?;
    let counts = Consumer { name: "counts".to_owned(), version: 1 };
    Progress::of(&store, store.pool().clone(), counts.clone()).wait_for(end, None, SOON).await?;

    let desk = PostgresStore::open(StoreConfig::new(url_as(db.url(), &operator).parse()?)).await?;
    let operating = Operator::of(&desk, desk.pool().clone());
    let parked = operating.parked(&counts, 10).await?.len();
    // What a runner and its pages look at, and what an operator does.
    let working = Operator::of(&store, store.pool().clone());
    working.require_fit().await?;
    store.require_fit().await?;
    working.observe(&runner.health()).await?;
    let behind = working.lag_of(&counts, runner.id()).await?.map(|lag| lag.events);
    assert_eq!((working.reports().await?.len(), behind), (1, Some(0)));
    operating.require_fit().await?;
    assert_eq!(operating.reports().await?[0].runners.len(), 1);
    admin.batch_execute("delete from counting.refused").await?;
    operating.retry(&counts, "account-1", "it is allowed now", SOON).await?;
    operating.pause(&counts, "a test").await?;
    operating.rewind(&counts, GlobalPosition::START, "a test").await?;
    operating.resume(&counts, "a test").await?;
    Progress::of(&store, store.pool().clone(), counts.clone()).wait_for(end, None, SOON).await?;
    let twice: i64 = admin.query_one("select count(*) from counting.counts", &[]).await?.get(0);
    let content = Some("select count(*) = 3 from counts".to_owned());
    let options = RebuildOptions { verification: content, ..RebuildOptions::default() };
    operating.rebuild(&counts, &options, "a test").await?;
    let rebuilt =
        timeout(SOON, operating.follow_rebuild("counts").fold(None, async |_, last| Some(last))).await?;
    let rebuilt = rebuilt.ok_or("nothing is told of the rebuild")??;
    assert_eq!(rebuilt.state, RebuildState::Done, "{rebuilt:?}");
    runner.stop().await;

    let rows: i64 = admin.query_one("select count(*) from counting.counts", &[]).await?.get(0);
    println!("{parked} events were parked, {twice} applied, three of them once more; {rows} after a rebuild");
    assert_eq!((parked, twice, rows), (2, 6, 3));
    let forged = store.pool().get().await?.batch_execute("update annals.events set data = '{}'").await;
    let refused = forged.expect_err("a projector changes no event");
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
    desk.close().await;
    store.close().await;
    for role in [projector, operator] {
        admin.batch_execute(&format!("drop owned by {role}; drop role {role}")).await?;
    }
    Ok(())
}
