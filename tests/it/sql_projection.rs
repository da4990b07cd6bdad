//! A projection in SQL builds the same tables as a fold, event by event and by batch.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, Slot};
use annals_eventstore::{
    Append, EventStore, GlobalPosition, LogQuery, NewEvent, Partition, PostgresStore, RecordedEvent,
    StreamName,
};
use annals_projections::SqlProjection;
use annals_projections::sql_projection::SqlHandlers;
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;

use crate::support::{Dice, SqlFolder, TestDb};

/// Owner, cents and version, by account.
type Balances = BTreeMap<String, (String, i64, i64)>;

fn bank(projection: &str) -> Result<SqlProjection, TestFailure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bank/projections").join(projection);
    Ok(SqlProjection::load(folder)?)
}

async fn ready(client: &mut Client, projection: SqlProjection) -> Result<SqlHandlers, TestFailure> {
    projection.set_up(client).await?;
    // It runs at every start.
    projection.set_up(client).await?;
    Ok(SqlHandlers::prepare(client, projection).await?)
}

/// Appends what happened at a bank, by chance, and returns the log.
async fn history(store: &PostgresStore, dice: &mut Dice) -> Result<Vec<RecordedEvent>, TestFailure> {
    let (accounts, mut opened) = (1 + dice.roll(9), Vec::new());
    for _ in 0..40 + dice.roll(160) {
        let account = dice.roll(accounts);
        let stream: StreamName = format!("account-{account}").parse()?;
        let event = if opened.contains(&account) {
            happening(dice)?
        } else {
            opened.push(account);
            let owner = ["Ada", "Bob", "O'Neill \\ \"Sons\"", "名"][usize::try_from(dice.roll(4))?];
            NewEvent::new("account-opened", &json!({"owner": owner, "overdraft_limit": 0}))?
        };
        store.append(Append::to(stream, [event])).await?;
    }
    let page = store.read_log(LogQuery::after(GlobalPosition::START).limit(1000)).await?;
    Ok(page.events)
}

fn happening(dice: &mut Dice) -> Result<NewEvent, TestFailure> {
    let types =
        ["money-deposited", "money-withdrawn", "transfer-sent", "transfer-received", "account-closed"];
    let amount = dice.roll(1_000_000_000_000);
    Ok(NewEvent::new(types[usize::try_from(dice.roll(5))?], &json!({"amount": amount, "note": null}))?)
}

/// What the tables have to hold.
fn folded(events: &[RecordedEvent]) -> Result<Balances, TestFailure> {
    let mut balances = Balances::new();
    for event in events {
        let data: Value = event.data.decode()?;
        let amount = data["amount"].as_i64().unwrap_or_default();
        let sign = match event.event_type.as_str() {
            "account-closed" => continue,
            "money-deposited" | "transfer-received" => 1,
            "money-withdrawn" | "transfer-sent" => -1,
            _ => 0,
        };
        let account = event.stream.as_str().trim_start_matches("account-").to_owned();
        let (owner, cents, version) = balances.entry(account).or_default();
        if let Some(name) = data["owner"].as_str() {
            name.clone_into(owner);
        }
        *cents += sign * amount;
        *version = event.version.get();
    }
    Ok(balances)
}

/// Applies the events in batches of sizes by chance, each in a transaction, and returns the table.
async fn applied(
    client: &mut Client,
    handlers: &SqlHandlers,
    events: &[RecordedEvent],
    dice: &mut Dice,
) -> Result<Balances, TestFailure> {
    let mut rest = events;
    while !rest.is_empty() {
        let size = usize::try_from(1 + dice.roll(60))?.min(rest.len());
        let (batch, behind) = rest.split_at(size);
        let transaction = client.transaction().await?;
        handlers.apply(&transaction, batch).await?;
        transaction.commit().await?;
        rest = behind;
    }
    table(client, handlers.projection().schema().as_str()).await
}

async fn table(client: &Client, schema: &str) -> Result<Balances, TestFailure> {
    let rows =
        client.query(&format!("select account, owner, cents, version from {schema}.balances"), &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect())
}

#[tokio::test]
async fn event_by_event_and_by_batch_the_balances_are_those_of_a_fold() -> TestResult {
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let db = TestDb::fresh().await?;
        let mut client = db.connect().await?;
        let events = history(&db.store(), &mut dice).await?;
        let one_by_one = ready(&mut client, bank("balances")?).await?;
        let by_batch = ready(&mut client, bank("balances-by-batch")?).await?;

        let expected = folded(&events)?;
        assert_eq!(applied(&mut client, &one_by_one, &events, &mut dice).await?, expected, "seed {seed}");
        assert_eq!(applied(&mut client, &by_batch, &events, &mut dice).await?, expected, "seed {seed}");
    }
    Ok(())
}

#[tokio::test]
async fn files_of_both_kinds_are_carried_out_in_the_order_of_the_log() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    let folder = SqlFolder::of(&[
        ("projection.toml", "name = \"rows\"\nversion = 1\n[events]\nset = \"set.sql\"\nsum = \"sum.sql\"\n"),
        ("setup.sql", "create table if not exists rows (at bigint, seen bigint);"),
        ("set.sql", "-- batch\ninsert into rows select position, (select count(*) from rows) from events"),
        ("sum.sql", "insert into rows select :position, (select count(*) from rows)"),
    ])?;
    let handlers = ready(&mut client, folder.load()?).await?;
    let types = ["set", "set", "sum", "sum", "set", "noise", "set", "sum"];
    let events: Vec<NewEvent> =
        types.iter().map(|name| NewEvent::new(name, &())).collect::<Result<_, _>>()?;
    store.append(Append::to("a-1".parse()?, events)).await?;
    let log = store.read_log(LogQuery::after(GlobalPosition::START)).await?.events;

    let transaction = client.transaction().await?;
    handlers.apply(&transaction, &log).await?;
    transaction.commit().await?;

    let rows = client.query("select seen from rows.rows order by at", &[]).await?;
    let seen: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    // Neighbours in one set see the same; an event that nobody follows parts no set.
    assert_eq!(seen, [0, 0, 2, 3, 4, 4, 6]);
    Ok(())
}

#[tokio::test]
async fn a_batch_longer_than_the_pipeline_is_applied_in_order() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    let folder = SqlFolder::with("insert into rows select :data, count(*)::text from rows")?;
    let handlers = ready(&mut client, folder.load()?).await?;
    let events: Vec<NewEvent> =
        (0..700).map(|number| NewEvent::new("happened", &number)).collect::<Result<_, _>>()?;
    store.append(Append::to("a-1".parse()?, events)).await?;
    let log = store.read_log(LogQuery::after(GlobalPosition::START).limit(1000)).await?.events;

    let transaction = client.transaction().await?;
    handlers.apply(&transaction, &log).await?;
    transaction.commit().await?;

    let ordered = "select count(*) from rows.rows where number = said::bigint";
    assert_eq!(client.query_one(ordered, &[]).await?.get::<_, i64>(0), 700);
    Ok(())
}

#[tokio::test]
async fn a_slot_keeps_the_tables_of_a_folder_while_events_come() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    let handlers = ready(&mut client, bank("balances")?).await?;
    let consumer = Consumer { name: "bank.sql-balances".to_owned(), version: 1 };
    let checkpoint = ClaimedCheckpoint::claim(&store, store.pool(), consumer, Partition::default()).await?;
    let slot = Slot::new(&store, store.pool().clone(), checkpoint, handlers, Box::new(|_| true));
    let (mut progress, stop) = (slot.progress(), CancellationToken::new());
    let running = tokio::spawn(slot.run(stop.clone()));

    let events = history(&store, &mut Dice::new(7)).await?;
    let end = events.last().expect("something happened").position;
    timeout(Duration::from_secs(30), progress.wait_for(|reached| *reached >= end)).await??;
    stop.cancel();
    running.await??;

    assert_eq!(table(&client, "bank_balances").await?, folded(&events)?);
    Ok(())
}
