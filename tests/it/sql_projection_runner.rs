//! Runners host projections in SQL as they host others: by slots, parking what cannot be applied.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{Consumer, connect};
use annals_eventstore::{Append, EventStore, ExpectedVersion, GlobalPosition, NewEvent, PostgresStore};
use annals_projections::{Operator, Progress, Runner, RunnerError};
use serde_json::{Value, json};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{PooledDb, SqlFolder, TestDb, skipped_without_pooler};

const SOON: Duration = Duration::from_secs(30);

const TOML: &str = "name = \"sums\"\nversion = 1\npartitions = 4\n[events]\nopened = \"opened.sql\"\nadded = \"added.sql\"\n";
const OPENED: &str = "insert into sums values (:stream, 0, 0)";
const ADDED: &str = "update sums set total = total + :data.amount, version = :version where stream = :stream";
const SETUP: &str = "create table if not exists sums (stream text primary key, total bigint not null, version bigint not null);";

fn sums() -> Result<SqlFolder, TestFailure> {
    let files =
        [("projection.toml", TOML), ("setup.sql", SETUP), ("opened.sql", OPENED), ("added.sql", ADDED)];
    Ok(SqlFolder::of(&files)?)
}

fn consumer() -> Consumer {
    Consumer { name: "sums".to_owned(), version: 1 }
}

async fn append(
    store: &PostgresStore,
    stream: &str,
    name: &str,
    data: &Value,
) -> Result<GlobalPosition, TestFailure> {
    let append = Append::to(stream.parse()?, [NewEvent::new(name, data)?]).expecting(ExpectedVersion::Any);
    Ok(store.append(append).await?.to_position)
}

async fn reach(store: &PostgresStore, position: GlobalPosition) -> TestResult {
    Ok(Progress::of(store, store.pool().clone(), consumer()).wait_for(position, None, SOON).await?)
}

async fn rows(client: &Client) -> Result<Vec<(String, i64, i64)>, TestFailure> {
    let rows = client.query("select stream, total, version from sums.sums order by stream", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

#[tokio::test]
async fn two_runners_share_the_slots_of_a_folder() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client, folder) = (db.store(), db.connect().await?, sums()?);
    let first = Runner::new(&store).host_sql(folder.load()?).start().await?;
    let second = Runner::new(&store).host_sql(folder.load()?).start().await?;

    let (mut last, mut expected) = (GlobalPosition::START, Vec::new());
    for n in 0..20_i64 {
        let stream = format!("account-{n:02}");
        append(&store, &stream, "opened", &json!({})).await?;
        append(&store, &stream, "noise", &json!({})).await?;
        for amount in 1..=n {
            append(&store, &stream, "added", &json!({"amount": amount})).await?;
        }
        last = append(&store, &stream, "added", &json!({"amount": 1000})).await?;
        expected.push((stream, 1000 + n * (n + 1) / 2, n + 3));
    }
    reach(&store, last).await?;
    first.stop().await;
    second.stop().await;

    assert_eq!(rows(&client).await?, expected);
    Ok(())
}

#[tokio::test]
async fn an_event_that_fits_no_column_is_parked_and_other_keys_go_on() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, client, folder) = (db.store(), db.connect().await?, sums()?);
    let runner = Runner::new(&store).host_sql(folder.load()?).start().await?;

    for stream in ["account-1", "account-2"] {
        append(&store, stream, "opened", &json!({})).await?;
    }
    append(&store, "account-1", "added", &json!({"amount": "much"})).await?;
    append(&store, "account-1", "added", &json!({"amount": 1})).await?;
    let last = append(&store, "account-2", "added", &json!({"amount": 2})).await?;
    reach(&store, last).await?;
    let parked = Operator::of(&store, store.pool().clone()).parked(&consumer(), 10).await?;
    runner.stop().await;

    assert_eq!(rows(&client).await?, [("account-1".to_owned(), 0, 0), ("account-2".to_owned(), 2, 2)]);
    let reason = parked[0].reason.as_deref().unwrap_or_default();
    assert!(reason.contains(":data.amount is no int8: \"much\""), "{parked:?}");
    assert_eq!((parked.len(), &parked[1].reason), (2, &None));
    Ok(())
}

#[tokio::test]
async fn files_that_were_edited_or_are_wrong_are_not_run() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, folder) = (db.store(), sums()?);
    Runner::new(&store).host_sql(folder.load()?).start().await?.stop().await;

    for (file, text, told) in [
        (
            "added.sql",
            "update sums set total = total",
            "filled by version 1 of these files before they were edited",
        ),
        (
            "projection.toml",
            &*TOML.replace("\"sums\"", "\"sams\"\nschema = \"sums\""),
            "filled by sums version 1: every",
        ),
        (
            "projection.toml",
            &*TOML.replace("\"sums\"\nversion = 1", "\"sums\"\nversion = 2\nschema = \"sums_2\""),
            "added.sql:1:17: the server refuses it: column \"amount\"",
        ),
    ] {
        let edited = sums()?;
        edited.write(file, text)?;
        if text.contains("sums_2") {
            edited.write("added.sql", "update sums set amount = 1")?;
        }
        let refused = Runner::new(&store).host_sql(edited.load()?).start().await.expect_err(told);
        assert!(matches!(refused, RunnerError::Sql(_)), "{refused:?}");
        assert!(edited.told(&refused).contains(told), "{refused}");
    }

    // Comments, slots and the policy may change.
    let edited = sums()?;
    edited.write("added.sql", &format!("-- why\n{ADDED};"))?;
    edited.write("projection.toml", &format!("errors = \"stop\"\n{TOML}"))?;
    Runner::new(&store).host_sql(edited.load()?).start().await?.stop().await;
    Ok(())
}

#[tokio::test]
async fn behind_a_pooler_a_folder_is_run_and_leaves_nothing_in_its_sessions() -> TestResult {
    if skipped_without_pooler("behind_a_pooler_a_folder_is_run_and_leaves_nothing_in_its_sessions") {
        return Ok(());
    }
    let (pooled, folder) = (PooledDb::fresh(2).await?, sums()?);
    let (store, client) = (pooled.store(), pooled.db.connect().await?);
    let runner = Runner::new(&store).host_sql(folder.load()?).start().await?;

    append(&store, "account-1", "opened", &json!({})).await?;
    let mut last = GlobalPosition::START;
    for amount in 1..=30 {
        last = append(&store, "account-1", "added", &json!({"amount": amount})).await?;
    }
    let direct = pooled.db.store();
    reach(&direct, last).await?;
    runner.stop().await;

    assert_eq!(rows(&client).await?, [("account-1".to_owned(), 465, 31)]);
    // While one session is in a transaction the other one is the second of the pooler.
    let options = pooled.pooler.options()?;
    let (mut one, other) = (connect(&options).await?.into_client(), connect(&options).await?.into_client());
    let left = "select count(*) || ' ' || current_setting('search_path') from pg_prepared_statements";
    let in_one = one.transaction().await?;
    for said in [in_one.simple_query(left).await?, other.simple_query(left).await?] {
        let row = said.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        assert_eq!(row.and_then(|row| row.get(0)), Some("0 \"$user\", public"));
    }
    Ok(())
}
