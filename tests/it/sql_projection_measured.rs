//! How fast a projection in SQL takes events, one by one and by batch.
//!
//! Run by hand, in a release build: `cargo nextest run --release --run-ignored only --no-capture -E 'test(in_sql_a_second)'`

use std::time::Instant;

use annals_devdb::TestResult;
use annals_eventstore::{Append, EventStore, GlobalPosition, LogQuery, NewEvent};
use annals_projections::sql_projection::SqlHandlers;
use serde_json::json;

use crate::support::{SqlFolder, TestDb};

const EVENTS: u32 = 100_000;
const BATCH_EVENTS: usize = 1000;

const UPSERT: &str = "
    insert into rows as r (number, said) values (:data.account, 'x')
    on conflict (number) do update set said = excluded.said";

const UPSERT_SET: &str = "-- batch
    insert into rows as r (number, said)
    select distinct (data ->> 'account')::bigint, 'x' from events
    on conflict (number) do update set said = excluded.said";

#[tokio::test]
#[ignore = "a measurement"]
async fn events_in_sql_a_second() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, mut client) = (db.store(), db.connect().await?);
    for from in (0..EVENTS).step_by(1000) {
        let happened =
            |number: u32| NewEvent::new("happened", &json!({"account": number % 5000, "note": "a note"}));
        let events: Vec<NewEvent> = (from..from + 1000).map(happened).collect::<Result<_, _>>()?;
        store.append(Append::to("a-1".parse()?, events)).await?;
    }
    let log =
        store.read_log(LogQuery::after(GlobalPosition::START).limit(usize::try_from(EVENTS)?)).await?.events;
    assert_eq!(log.len(), usize::try_from(EVENTS)?);

    for (form, happened) in [("one by one", UPSERT), ("by batch", UPSERT_SET)] {
        let folder = SqlFolder::with(happened)?;
        folder
            .write("setup.sql", "create table if not exists rows (number bigint primary key, said text)")?;
        let projection = folder.load()?;
        projection.set_up(&mut client).await?;
        let handlers = SqlHandlers::prepare(&mut client, projection).await?;
        let began = Instant::now();
        for batch in log.chunks(BATCH_EVENTS) {
            let transaction = client.transaction().await?;
            handlers.apply(&transaction, batch).await?;
            transaction.commit().await?;
        }
        let rate = f64::from(EVENTS) / began.elapsed().as_secs_f64();
        println!("{form}: {rate:.0} events/s in batches of {BATCH_EVENTS}");
        client.batch_execute("drop schema rows cascade").await?;
    }
    Ok(())
}
