//! What cannot be applied is found in a few attempts, and so is what was parked applied, however many events there are.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::Consumer;
use annals_eventstore::{
    Append, Batch, EventStore, GlobalPosition, HandlerError, NewEvent, PostgresStore, RecordedEvent,
};
use annals_projections::{Operator, Projection, Runner};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use crate::support::TestDb;

const SOON: Duration = Duration::from_secs(30);

/// Counts how often it is given something, and refuses batches in which a number is that is forbidden.
struct Numbers(Arc<AtomicUsize>);

/// Numbers below this are a key each, all others are one.
const KEYS: i64 = 10_000;

impl Projection for Numbers {
    const NAME: &'static str = "numbers";
    const TABLES: &'static str = "
        create table if not exists numbers (nth bigserial, number bigint primary key);
        create table if not exists forbidden (number bigint)";

    fn key(event: &RecordedEvent) -> Cow<'_, str> {
        let number: i64 = event.data.decode().unwrap_or_default();
        Cow::Owned(number.min(KEYS).to_string())
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let numbers = batch.events.iter().map(|event| event.data.decode());
        let numbers: Vec<i64> = numbers.collect::<Result<_, _>>()?;
        let insert = "insert into numbers (number) select n from unnest($1::bigint[]) with ordinality as e (n, nth) order by nth";
        batch.transaction.execute(insert, &[&numbers]).await?;
        let forbidden = "select count(*) from forbidden where number = any ($1)";
        match batch.transaction.query_one(forbidden, &[&numbers]).await?.get::<_, i64>(0) {
            0 => Ok(()),
            _ => Err("a number is forbidden".into()),
        }
    }
}

async fn append(store: &PostgresStore, numbers: std::ops::Range<i64>) -> Result<GlobalPosition, TestFailure> {
    let events = numbers.map(|number| NewEvent::new("counted", &number)).collect::<Result<Vec<_>, _>>()?;
    Ok(store.append(Append::to("numbers-1".parse()?, events)).await?.to_position)
}

async fn reached(client: &Client, end: GlobalPosition) -> TestResult {
    let sql = "select count(*) from annals.checkpoints where position >= $1";
    let reached = async {
        while client.query_one(sql, &[&i64::from(end)]).await?.get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    timeout(SOON, reached).await?
}

#[tokio::test]
async fn an_event_that_cannot_be_applied_is_found_among_a_thousand_in_twenty_attempts() -> TestResult {
    let (db, attempts) = (TestDb::fresh().await?, Arc::new(AtomicUsize::new(0)));
    let client = db.connect().await?;
    client.batch_execute(Numbers::TABLES).await?;
    client.batch_execute("insert into forbidden values (700)").await?;
    let end = append(&db.store(), 1..1001).await?;

    let told = Arc::clone(&attempts);
    let runner = Runner::new(&db.store()).host(move || Numbers(Arc::clone(&told))).start().await?;
    reached(&client, end).await?;
    runner.stop().await;

    let attempts = attempts.load(Ordering::SeqCst);
    let rows: i64 = client.query_one("select count(*) from numbers where number <> 700", &[]).await?.get(0);
    let parked: String =
        client.query_one("select string_agg(key, ' ') from annals.parked", &[]).await?.get(0);
    println!("one of a thousand events was found in {attempts} attempts");
    assert_eq!((rows, parked.as_str()), (999, "700"));
    // Two for each time that the piece is halved in which it is, and the whole of what came as one or two batches.
    assert!(attempts <= 1 + 2 * 10 + 1, "{attempts}");
    Ok(())
}

#[tokio::test]
async fn what_was_parked_is_applied_in_a_few_attempts_and_in_its_order() -> TestResult {
    let (db, attempts) = (TestDb::fresh().await?, Arc::new(AtomicUsize::new(0)));
    let client = db.connect().await?;
    client.batch_execute(Numbers::TABLES).await?;
    client.execute("insert into forbidden values ($1)", &[&KEYS]).await?;
    let end = append(&db.store(), KEYS..KEYS + 150).await?;
    let told = Arc::clone(&attempts);
    let runner = Runner::new(&db.store()).host(move || Numbers(Arc::clone(&told))).start().await?;
    reached(&client, end).await?;
    let parked: i64 = client.query_one("select count(*) from annals.parked", &[]).await?.get(0);

    client.batch_execute("delete from forbidden").await?;
    let before = attempts.load(Ordering::SeqCst);
    let (operator, consumer) = (
        Operator::of(&db.store(), db.store().pool().clone()),
        Consumer { name: "numbers".to_owned(), version: 1 },
    );
    operator.retry(&consumer, &KEYS.to_string(), "it is allowed", SOON).await?;
    runner.stop().await;

    let rows = client.query("select number from numbers order by nth", &[]).await?;
    let rows: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let attempts = attempts.load(Ordering::SeqCst) - before;
    println!("{parked} parked events were applied in {attempts} attempts");
    assert_eq!(parked, 150);
    assert_eq!(rows, (KEYS..KEYS + 150).collect::<Vec<_>>());
    assert_eq!(attempts, 6, "25 at once");
    Ok(())
}
