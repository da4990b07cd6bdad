//! An append that stays open and holds readers back is told: in metrics while it does, in the log once.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::StoreConfig;
use annals_eventstore::{Append, EventStore, GlobalPosition, NewEvent, PostgresStore, Subscription};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::Level;

use super::gauges::Gauges;
use super::messages::Messages;
use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

const IDLE: &str = "annals_fence_holders{holder=idle_in_transaction}";
const OLDEST: &str = "annals_fence_oldest_hold_seconds{}";

const HELD: &str = "open append holds readers back";
const ENDED: &str = "append that held readers back has ended";

fn noted(stream: &str) -> Result<Append, TestFailure> {
    Ok(Append::to(stream.parse()?, [NewEvent::new("noted", &1)?]))
}

#[tokio::test]
async fn an_append_that_stays_open_is_told_in_metrics_and_once_in_the_log() -> TestResult {
    let gauges = Gauges::default();
    let _here = ::metrics::set_default_local_recorder(&gauges);
    let messages = Messages::heard();
    let db = TestDb::fresh().await?;
    let warn_after = Duration::from_millis(100);
    let config = StoreConfig { held_back_warning: warn_after, ..StoreConfig::new(db.url().parse()?) };
    let store = PostgresStore::open(config).await?;
    let mut till = db.connect().await?;
    let pid: i32 = till.query_one("select pg_backend_pid()", &[]).await?.get(0);

    let transaction = till.transaction().await?;
    store.append_in(&transaction, noted("account-1")?).await?;
    let behind = store.append(noted("account-2")?).await?;
    let mut reader = Subscription::after(store.clone(), GlobalPosition::START);
    let reader = AbortOnDropHandle::new(tokio::spawn(async move { reader.next().await }));
    let warning = messages.until(HELD).await?;
    assert_eq!(gauges.get(IDLE), Some(1.0), "{gauges:?}");
    assert_eq!(gauges.get("annals_fence_holders{holder=prepared}"), Some(0.0), "{gauges:?}");
    assert_eq!(gauges.get("annals_fence_oldest_holder_pid{}"), Some(f64::from(pid)), "{gauges:?}");
    // It is looked at five times before that.
    gauges.until(OLDEST, |age| age > 2.0 * warn_after.as_secs_f64()).await?;

    assert_eq!(messages.saying(HELD).len(), 1, "{:?}", messages.saying(HELD));
    assert_eq!(warning.level, Level::WARN);
    assert_eq!(warning.fields["pid"], pid.to_string());
    assert!(warning.fields["advice"].contains(&format!("pg_terminate_backend({pid})")), "{warning:?}");
    assert!(warning.fields.contains_key("virtual_transaction") && warning.fields.contains_key("held_for"));
    assert!(messages.saying(ENDED).is_empty());
    transaction.rollback().await?;
    let end = messages.until(ENDED).await?;
    assert_eq!(end.fields["pid"], pid.to_string());
    gauges.until(OLDEST, |age| age == 0.0).await?;
    assert_eq!(gauges.get(IDLE), Some(0.0), "{gauges:?}");
    assert_eq!(gauges.get("annals_fence_oldest_holder_pid{}"), Some(0.0), "{gauges:?}");
    let page = timeout(SOON, reader).await???;
    let positions: Vec<_> = page.log.events.iter().map(|event| event.position).collect();
    assert_eq!(positions, [behind.to_position]);
    store.close().await;
    Ok(())
}
