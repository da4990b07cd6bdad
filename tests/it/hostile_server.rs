//! A server that will not or cannot: each append says that nothing was written and what to do, reads go on where they
//! can, and once the server is well again so is the store.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::{
    ConnectOptions, MigrateError, OpenError, PoolOptions, StoreConfig, migrate, schema_status,
};
use annals_eventstore::{
    Append, AppendError, AppendMany, EventStore, ExpectedVersion, GlobalPosition, LogQuery, NewEvent,
    PostgresStore,
};
use tokio_postgres::Client;

use crate::roles::{PASSWORD, url_as};
use crate::support::{OwnServer, TestDb, until_waiting};

/// Opens a store that wants two connections at most.
async fn opened(url: &str) -> Result<PostgresStore, OpenError> {
    let options: ConnectOptions = url.parse().map_err(OpenError::Options)?;
    let pool = PoolOptions { max_size: 2, wait_timeout: Some(Duration::from_secs(20)) };
    PostgresStore::open(StoreConfig { pool, notify: false, ..StoreConfig::new(options) }).await
}

fn noted() -> Result<NewEvent, TestFailure> {
    Ok(NewEvent::new("noted", &1)?)
}

/// Appends in every way that there is; returns what came of each.
async fn all_appends(store: &PostgresStore) -> Result<Vec<AppendError>, TestFailure> {
    let name = || "account-1".parse();
    let appends = [
        Append::to(name()?, [noted()?]),
        Append::to(name()?, [noted()?]).expecting(ExpectedVersion::NoStream),
        Append::to(name()?, [noted()?, noted()?]),
        Append::to(name()?, [noted()?]).with_key("once"),
    ];
    let mut refused = Vec::new();
    for append in appends {
        refused.push(store.append(append).await.expect_err("the server does not take it"));
    }
    let many = AppendMany::new().append(name()?, ExpectedVersion::Any, [noted()?]);
    refused.push(store.append_many(many).await.expect_err("the server does not take it"));
    Ok(refused)
}

async fn events(client: &Client) -> Result<i64, tokio_postgres::Error> {
    Ok(client.query_one("select count(*) from annals.events", &[]).await?.get(0))
}

/// All causes of an error, in one line.
fn told(error: &AppendError) -> String {
    let mut told = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        told = format!("{told}: {cause}");
        next = cause.source();
    }
    told
}

#[tokio::test]
async fn a_read_only_server_is_read_and_takes_no_event_until_it_is_a_primary_again() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    db.store().append(Append::to("account-0".parse()?, [noted()?])).await?;
    let database: String = admin.query_one("select current_database()", &[]).await?.get(0);
    let set = |value| format!("alter database {database} set default_transaction_read_only = {value}");
    admin.batch_execute(&set("on")).await?;
    let store = opened(db.url()).await?;

    let refused = all_appends(&store).await?;
    let read = store.read_log(LogQuery::after(GlobalPosition::START)).await?;

    println!("read-only: {} appends refused", refused.len());
    for error in &refused {
        assert!(matches!(error, AppendError::Unavailable(_)), "{}", told(error));
        assert!(told(error).contains("read-only"), "{}", told(error));
    }
    assert_eq!((refused.len(), read.events.len(), events(&admin).await?), (5, 1, 1));
    admin.batch_execute(&set("off")).await?;
    opened(db.url()).await?.append(Append::to("account-1".parse()?, [noted()?])).await?;
    Ok(())
}

#[tokio::test]
async fn an_append_that_waits_too_long_for_its_stream_has_written_nothing_and_may_be_repeated() -> TestResult
{
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    let database: String = admin.query_one("select current_database()", &[]).await?.get(0);
    db.store().append(Append::to("account-1".parse()?, [noted()?])).await?;
    admin
        .batch_execute("begin; select annals.append('account-1', -2, '[{\"type\": \"noted\", \"data\": 1}]')")
        .await?;
    let observer = db.connect().await?;

    let mut timeouts = 0;
    for setting in ["statement_timeout", "lock_timeout"] {
        observer.batch_execute(&format!("alter database {database} set {setting} = '500ms'")).await?;
        let store = opened(db.url()).await?;
        let append = Append::to("account-1".parse()?, [noted()?]);
        let (waited, refused) = tokio::join!(until_waiting(&observer, 1), store.append(append));
        waited?;
        let refused = refused.expect_err("the stream is locked");
        assert!(matches!(refused, AppendError::Unavailable(_)), "{setting}: {}", told(&refused));
        observer.batch_execute(&format!("alter database {database} reset {setting}")).await?;
        timeouts += 1;
    }

    println!("appends that waited too long: {timeouts}");
    assert_eq!(timeouts, 2);
    admin.batch_execute("rollback").await?;
    opened(db.url()).await?.append(Append::to("account-1".parse()?, [noted()?])).await?;
    assert_eq!(events(&observer).await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_server_out_of_connections_is_waited_for_and_nothing_is_written() -> TestResult {
    let db = TestDb::fresh().await?;
    let admin = db.connect().await?;
    // No limit binds a superuser, so this store is one that is none.
    let login = format!("few_{}", std::process::id());
    admin
        .batch_execute(&format!(
            "create role {login} login password '{PASSWORD}' connection limit 1;
             grant annals_appender, annals_reader to {login}"
        ))
        .await?;
    let store = opened(&url_as(db.url(), &login)).await?;
    let last_one = store.pool().get().await?;

    let refused = all_appends(&store).await?;

    println!("out of connections: {} appends refused", refused.len());
    for error in &refused {
        assert!(matches!(error, AppendError::Unavailable(_)), "{}", told(error));
    }
    drop(last_one);
    store.append(Append::to("account-1".parse()?, [noted()?])).await?;
    assert_eq!((refused.len(), events(&admin).await?), (5, 1));
    store.close().await;
    admin.batch_execute(&format!("drop owned by {login}; drop role {login}")).await?;
    Ok(())
}

/// A file that is empty and takes no byte: the system says that there is no space left on the device.
const FULL: &str = "/dev/full";

/// Events can be stored nowhere, as the system says itself; the rows before them in the same transaction can.
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has a file that is full")]
#[tokio::test]
async fn a_full_disk_takes_no_event_and_says_so_and_once_there_is_room_appends_go_on() -> TestResult {
    let mut ground = OwnServer::start("full").await?;
    let folder = ground.data_folder().await?;
    let file = ground.client().await?.query_one("select pg_relation_filepath('annals.events')", &[]).await?;
    let (file, aside) = (folder.join(file.get::<_, &str>(0)), folder.join("events-aside"));
    ground.server.stop().await?;
    std::fs::rename(&file, &aside)?;
    std::os::unix::fs::symlink(FULL, &file)?;
    ground.server.start().await?;
    let store = opened(&ground.server.url("shop")).await?;

    let refused = all_appends(&store).await?;
    let read = store.read_log(LogQuery::after(GlobalPosition::START)).await?;

    println!("disk full: {} appends refused", refused.len());
    for error in &refused {
        assert!(matches!(error, AppendError::Unavailable(_)), "{}", told(error));
        assert!(told(error).contains("No space left on device"), "{}", told(error));
    }
    let client = ground.client().await?;
    let streams: i64 = client.query_one("select count(*) from annals.streams", &[]).await?.get(0);
    let keys: i64 = client.query_one("select count(*) from annals.idempotency_keys", &[]).await?.get(0);
    assert_eq!((refused.len(), read.events.len(), streams, keys), (5, 0, 0, 0));
    ground.server.stop().await?;
    std::fs::rename(&aside, &file)?;
    ground.server.start().await?;
    let appended = store.append(Append::to("account-1".parse()?, [noted()?]).with_key("once")).await?;
    assert!(!appended.already_applied);
    assert_eq!(events(&ground.client().await?).await?, 1);
    Ok(())
}

/// The receipt has come, and then there is no room for the commit.
#[tokio::test]
async fn a_disk_that_is_full_at_the_commit_has_taken_no_event() -> TestResult {
    let db = TestDb::fresh().await?;
    let (store, owner) = (opened(db.url()).await?, db.connect().await?);
    let full_at_commit = "
        create function public.fill_up() returns trigger language plpgsql as $$
            begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
        create constraint trigger full_at_commit after insert on annals.events
            deferrable initially deferred for each row execute function public.fill_up()";
    owner.batch_execute(full_at_commit).await?;

    let refused = all_appends(&store).await?;

    for error in &refused {
        assert!(matches!(error, AppendError::Unavailable(_)), "{}", told(error));
    }
    assert_eq!((refused.len(), events(&owner).await?), (5, 0));
    owner.batch_execute("drop trigger full_at_commit on annals.events").await?;
    store.append(Append::to("account-1".parse()?, [noted()?])).await?;
    Ok(())
}

/// What an old server says of itself: before the functions of the server stands one that tells another version.
const OLD: &str = "
    create schema old;
    create function old.current_setting(name text) returns text language sql as $$
        select case name when 'server_version_num' then '140010' when 'server_version' then '14.10'
                         else pg_catalog.current_setting(name) end $$;";

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_by_the_version_that_it_tells() -> TestResult {
    let db = TestDb::fresh().await?;
    let owner = db.connect().await?;
    let database: String = owner.query_one("select current_database()", &[]).await?.get(0);
    owner.batch_execute(OLD).await?;
    owner.batch_execute(&format!("alter database {database} set search_path = old, pg_catalog")).await?;
    let options: ConnectOptions = db.url().parse()?;
    let unmigrated = "elsewhere".parse()?;

    let opened = opened(db.url()).await.err();
    let migrated = migrate(&options, &unmigrated).await.err();
    let asked = schema_status(&options, &unmigrated).await.err();

    assert!(
        matches!(&opened, Some(OpenError::Schema(MigrateError::ServerTooOld(found))) if found == "14.10"),
        "{opened:?}"
    );
    for refused in [&migrated, &asked] {
        assert!(
            matches!(refused, Some(MigrateError::ServerTooOld(found)) if found == "14.10"),
            "{refused:?}"
        );
    }
    let said = opened.expect("it was looked at").to_string();
    assert_eq!(said, "server version 14.10 is too old; Annals needs PostgreSQL 15 or later");
    Ok(())
}
