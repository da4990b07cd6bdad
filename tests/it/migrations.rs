//! Migrating: all or nothing, once, into any schema – and never over something that is newer or damaged.

use annals_devdb::{TestDatabase, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, MigrateError, OpenError, SchemaFault, SchemaName, StoreConfig, connect, migrate,
    migration_script, migrations, schema_status,
};
use annals_eventstore::{Append, EventStore, GlobalPosition, LogQuery, NewEvent, PostgresStore};
use tokio_postgres::Client;

async fn empty() -> Result<(TestDatabase, ConnectOptions, Client), annals_devdb::TestFailure> {
    let database = TestDatabase::empty().await?;
    let options: ConnectOptions = database.url().parse()?;
    let client = connect(&options).await?.into_client();
    Ok((database, options, client))
}

fn annals() -> SchemaName {
    SchemaName::default()
}

fn fault(error: MigrateError) -> SchemaFault {
    match error {
        MigrateError::Schema(fault) => fault,
        other => panic!("expected a fault of the schema, found {other}"),
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing() -> TestResult {
    let (_database, options, _client) = empty().await?;

    let first = migrate(&options, &annals()).await?;
    let second = migrate(&options, &annals()).await?;

    assert_eq!(first.applied.len(), migrations().len());
    assert_eq!(second.applied.len(), 0);
    let status = schema_status(&options, &annals()).await?;
    assert_eq!(status.fault, None);
    assert!(status.components.iter().all(|component| component.installed == component.known), "{status:?}");
    Ok(())
}

#[tokio::test]
async fn many_processes_that_migrate_at_once_do_it_once() -> TestResult {
    let (_database, options, client) = empty().await?;

    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let options = options.clone();
        runs.spawn(async move { migrate(&options, &annals()).await });
    }
    let mut applied = Vec::new();
    while let Some(run) = runs.join_next().await {
        applied.push(run??.applied.len());
    }

    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, migrations().len()]);
    let rows: i64 = client.query_one("select count(*) from annals.migrations", &[]).await?.get(0);
    assert_eq!(usize::try_from(rows)?, migrations().len());
    Ok(())
}

#[tokio::test]
async fn the_printed_script_installs_what_migrating_would() -> TestResult {
    let (_database, options, client) = empty().await?;

    client.batch_execute(&migration_script(&annals())).await?;

    assert_eq!(migrate(&options, &annals()).await?.applied.len(), 0);
    PostgresStore::open(StoreConfig::new(options)).await?.close().await;
    Ok(())
}

#[tokio::test]
async fn two_schemas_in_one_database_are_two_logs() -> TestResult {
    let (_database, options, client) = empty().await?;
    let mut stores = Vec::new();
    // The second name is a key word of SQL, so that it works only where it is quoted.
    for schema in [annals(), SchemaName::new("order")?] {
        migrate(&options, &schema).await?;
        stores.push(PostgresStore::open(StoreConfig { schema, ..StoreConfig::new(options.clone()) }).await?);
    }
    let [ours, theirs] = &stores[..] else { unreachable!("there are two") };

    // An open append in one log must hold no reader of the other back.
    client
        .batch_execute(
            "begin; select annals.append('account-1', 0, '[{\"type\": \"opened\", \"data\": {}}]')",
        )
        .await?;
    let appended =
        theirs.append(Append::to("account-1".parse()?, [NewEvent::new("opened", &"theirs")?])).await?;
    let page = theirs.read_log(LogQuery::after(GlobalPosition::START)).await?;

    assert_eq!(page.events.len(), 1);
    assert_eq!(page.settled_to, appended.to_position);
    assert_eq!(ours.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 0);
    client.batch_execute("commit").await?;
    let page = ours.read_log(LogQuery::after(GlobalPosition::START)).await?;
    assert_eq!(page.events.len(), 1);
    assert_eq!(page.events[0].data.as_str(), "{}");
    Ok(())
}

#[tokio::test]
async fn both_logs_written_in_one_transaction_are_fenced_each() -> TestResult {
    let (_database, options, client) = empty().await?;
    let mut stores = Vec::new();
    for schema in ["left_log", "right_log"] {
        let schema = SchemaName::new(schema)?;
        migrate(&options, &schema).await?;
        stores.push(PostgresStore::open(StoreConfig { schema, ..StoreConfig::new(options.clone()) }).await?);
    }

    let events = "'[{\"type\": \"opened\", \"data\": {}}]'";
    let both = ["left_log", "right_log"].map(|log| format!("select {log}.append('account-1', 0, {events});"));
    client.batch_execute(&format!("begin; {}", both.concat())).await?;
    for store in &stores {
        store.append(Append::to("account-2".parse()?, [NewEvent::new("opened", &())?])).await?;
        let page = store.read_log(LogQuery::after(GlobalPosition::START)).await?;
        assert_eq!((page.events.len(), page.settled_to), (0, GlobalPosition::START));
    }
    client.batch_execute("commit").await?;
    for store in &stores {
        assert_eq!(store.read_log(LogQuery::after(GlobalPosition::START)).await?.events.len(), 2);
    }
    Ok(())
}

#[tokio::test]
async fn a_log_that_was_never_migrated_is_refused_with_the_command_to_type() -> TestResult {
    let (_database, options, _client) = empty().await?;

    let refused = PostgresStore::open(StoreConfig::new(options)).await.expect_err("there is no log");

    assert!(matches!(refused, OpenError::Schema(MigrateError::Schema(SchemaFault::Absent { .. }))));
    assert_eq!(refused.to_string(), "schema annals holds no log yet; run `annals db migrate`");
    Ok(())
}

#[tokio::test]
async fn a_schema_from_a_newer_version_is_refused_and_left_alone() -> TestResult {
    let (_database, options, client) = empty().await?;
    migrate(&options, &annals()).await?;
    let sql = "insert into annals.migrations
               select 'log', max(number) + 1, 'from the future', 'x' from annals.migrations where component = 'log'";
    client.execute(sql, &[]).await?;

    let migrating = fault(migrate(&options, &annals()).await.expect_err("it is newer"));
    let opening = PostgresStore::open(StoreConfig::new(options)).await.expect_err("it is newer");

    assert!(matches!(migrating, SchemaFault::TooNew { .. }), "{migrating}");
    assert_eq!(opening.to_string(), migrating.to_string());
    Ok(())
}

#[tokio::test]
async fn a_damaged_schema_is_refused_and_told_apart() -> TestResult {
    let damages = [
        (
            "update annals.migrations set hash = 'y' where component = 'log' and number = 2",
            "migration log 2 is another one",
        ),
        (
            "delete from annals.migrations where component = 'log' and number = 3",
            "migration log 3 is missing",
        ),
        ("drop table annals.idempotency_keys", "idempotency_keys is missing"),
        ("drop function annals.wake()", "wake() is missing"),
    ];
    for (damage, told) in damages {
        let (_database, options, client) = empty().await?;
        migrate(&options, &annals()).await?;
        client.batch_execute(damage).await?;

        let status = schema_status(&options, &annals()).await?;
        let opening = PostgresStore::open(StoreConfig::new(options)).await.expect_err(damage);

        let Some(SchemaFault::Damaged { what, .. }) = status.fault else { panic!("{damage}: {status:?}") };
        assert_eq!(what, told);
        assert!(opening.to_string().contains(told), "{opening}");
    }
    Ok(())
}

#[tokio::test]
async fn a_sequence_behind_its_events_is_refused() -> TestResult {
    let (_database, options, client) = empty().await?;
    migrate(&options, &annals()).await?;
    let store = PostgresStore::open(StoreConfig::new(options.clone())).await?;
    store
        .append(Append::to("account-1".parse()?, [NewEvent::new("a", &())?, NewEvent::new("b", &())?]))
        .await?;
    client.batch_execute("select setval('annals.events_position_seq', 1, true)").await?;

    let refused = PostgresStore::open(StoreConfig::new(options)).await.expect_err("the sequence is behind");
    let failed = store.append(Append::to("account-2".parse()?, [NewEvent::new("c", &())?])).await;

    assert!(matches!(refused, OpenError::NeedsRepair { .. }), "{refused}");
    assert!(matches!(failed, Err(annals_eventstore::AppendError::NeedsRepair(_))), "{failed:?}");
    Ok(())
}
