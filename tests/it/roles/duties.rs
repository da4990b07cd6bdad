//! What the suite of conformance does not do: the projector keeps a read model, the operator looks whether the log is
//! sound, and neither can do what is the other's.

use std::time::Duration;

use annals_devdb::TestResult;
use annals_eventstore::postgres::{ClaimedCheckpoint, Consumer, KeptCheckpoint};
use annals_eventstore::{
    Append, AppendError, Batch, CheckpointKeeper, Cursor, Deletion, DeletionError, EventStore, EventType,
    HandlerError, NewEvent, Partition, PostgresStore, StreamRetention,
};
use annals_projections::{Projection, start};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::support::{TestDb, opened_as};

const SOON: Duration = Duration::from_secs(20);

/// Writes one row an event, into a table that whoever migrates has made.
struct Audit;

impl Projection for Audit {
    const NAME: &'static str = "audit";
    const TABLES: &'static str = "select from public.audit where false";

    fn wants(_: &EventType) -> bool {
        true
    }

    async fn apply(&mut self, batch: Batch<'_>) -> Result<(), HandlerError> {
        for event in batch.events {
            batch
                .transaction
                .execute("insert into public.audit values ($1)", &[&i64::from(event.position)])
                .await?;
        }
        Ok(())
    }
}

/// The SQLSTATE by which a statement is refused to whoever is connected.
async fn state_of(client: &Client, sql: &str) -> Option<SqlState> {
    client.batch_execute(sql).await.err().and_then(|error| error.code().cloned())
}

fn noted() -> Result<Append, annals_devdb::TestFailure> {
    Ok(Append::to("account-1".parse()?, [NewEvent::new("noted", &1)?]))
}

async fn refuses_to_append(store: &PostgresStore) -> TestResult {
    let refused = store.append(noted()?).await;
    assert!(matches!(refused, Err(AppendError::Storage(..))), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_projector_keeps_read_models_and_positions_and_neither_appends_nor_deletes() -> TestResult {
    let db = TestDb::fresh().await?;
    let owner = db.connect().await?;
    owner
        .batch_execute(
            "create table public.audit (position bigint primary key); grant all on public.audit to annals_projector",
        )
        .await?;
    let projector = opened_as(&db, "annals_projector").await?;
    let running = start(&projector, Audit).await?;

    let position = db.store().append(noted()?).await?.to_position;
    running.wait_for(position, SOON).await?;
    let consumer = Consumer { name: "mails".to_owned(), version: 1 };
    let claimed =
        ClaimedCheckpoint::claim(&projector, projector.pool(), consumer, Partition::default()).await?;
    let mut kept = KeptCheckpoint::of(claimed, projector.pool().clone());
    kept.keep(Cursor { position, event_id: None }).await?;
    kept.forget().await?;

    assert_eq!(running.stop().await?.position, position);
    assert_eq!(owner.query_one("select count(*) from public.audit", &[]).await?.get::<_, i64>(0), 1);
    refuses_to_append(&projector).await?;
    let refused = projector.delete_stream(Deletion::of("account-1".parse()?)).await;
    assert!(matches!(refused, Err(DeletionError::NotAllowed(..))), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn an_operator_looks_whether_the_log_is_sound_and_leaves_its_repair_to_the_owner() -> TestResult {
    let db = TestDb::fresh().await?;
    let (operator, client) = (opened_as(&db, "annals_operator").await?, db.connect().await?);
    db.store().append(noted()?).await?;
    client
        .batch_execute("select setval('annals.events_position_seq', 1, false); set role annals_operator")
        .await?;

    let found = client.query("select finding from annals.examine_log()", &[]).await?;

    assert_eq!(found.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["sequence-behind"]);
    assert_eq!(state_of(&client, "select annals.repair_log()").await, Some(SqlState::INSUFFICIENT_PRIVILEGE));
    refuses_to_append(&operator).await?;
    client.batch_execute("reset role; select annals.repair_log(); set role annals_operator").await?;
    assert!(client.query("select from annals.examine_log()", &[]).await?.is_empty());
    Ok(())
}
