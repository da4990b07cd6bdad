//! Files that are wrong, or mean harm, are told clearly and change nothing.

use std::time::Duration;

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{Append, EventStore, GlobalPosition, LogQuery, NewEvent, Payload, RecordedEvent};
use annals_projections::sql_projection::{ApplyError, SqlHandlers};
use tokio_postgres::Client;

use crate::support::{SqlFolder, TestDb};

/// Another projection's table, one of nobody's, and a view in between.
const OTHERS: &str = "
    create schema other; create table other.theirs (a bigint); insert into other.theirs values (1);
    create table public.shared (a bigint); create view public.seen as select a from other.theirs;
    create materialized view other.kept as select 1 as a";

/// Everything outside of the projection's schema that a hostile file could have changed.
async fn others(client: &Client) -> Result<String, TestFailure> {
    let sql = "select (select string_agg(a::text, ',') from other.theirs) || ' ' || (select count(*) from public.shared)
                   || ' ' || (select count(*) from pg_class where relkind in ('r', 'v') and relnamespace <> all (
                       select oid from pg_namespace where nspname in ('rows', 'pg_catalog')))";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// Loads, sets up and prepares a projection with one file, and returns how that failed.
async fn refused(client: &mut Client, happened: &str) -> Result<String, TestFailure> {
    let folder = SqlFolder::with(happened)?;
    let projection = match folder.load() {
        Ok(projection) => projection,
        Err(error) => return Ok(folder.told(&error)),
    };
    // Each is a projection of its own.
    client.batch_execute("drop schema if exists rows cascade").await?;
    projection.set_up(client).await?;
    match SqlHandlers::prepare(client, projection).await {
        Ok(_) => Err(format!("{happened} was taken").into()),
        Err(error) => Ok(folder.told(&error)),
    }
}

async fn recorded(db: &TestDb, numbers: i64) -> Result<Vec<RecordedEvent>, TestFailure> {
    let events: Vec<NewEvent> =
        (1..=numbers).map(|number| NewEvent::new("happened", &number)).collect::<Result<_, _>>()?;
    db.store().append(Append::to("a-1".parse()?, events)).await?;
    Ok(db.store().read_log(LogQuery::after(GlobalPosition::START).limit(1000)).await?.events)
}

#[tokio::test]
async fn what_the_server_does_not_take_is_told_with_file_line_and_column() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;

    for (happened, told) in [
        (
            "insert into rows\nvaluse (:data)",
            "happened.sql:2:1: the server refuses it: syntax error at or near \"valuse\"",
        ),
        (
            "insert into rows values\n(:stream, 'é', :data,\n  :position)",
            "happened.sql:2:16: the server refuses it: INSERT has more",
        ),
        ("update rows set nothing = :data", "happened.sql:1:17: the server refuses it: column \"nothing\""),
        (
            "-- batch\ninsert into rows\nselect nothing from events",
            "happened.sql:3:8: the server refuses it: column \"nothing\"",
        ),
        ("insert into nowhere values (1)", "happened.sql:1:13: the server refuses it: relation \"nowhere\""),
        ("update rows set number = :data.a, said = :data.a", "happened.sql:1:42: the server refuses it"),
        ("insert into rows values (:account)", "happened.sql:1:26: :account is no parameter"),
    ] {
        let error = refused(&mut client, happened).await?;
        assert!(error.starts_with(told), "{happened}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn definitions_and_transaction_control_are_refused() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client.batch_execute(OTHERS).await?;
    let before = others(&client).await?;

    for happened in [
        "drop table other.theirs",
        "commit",
        "commit; drop schema other cascade",
        "insert into rows values (1); rollback",
        "/* ; */ select * into public.made from rows",
        "truncate other.theirs",
        "set session authorization postgres",
        "do 'begin delete from other.theirs; end'",
    ] {
        let error = refused(&mut client, happened).await?;
        assert!(error.contains("is refused: "), "{happened}: {error}");
    }
    assert_eq!(others(&client).await?, before);
    Ok(())
}

#[tokio::test]
async fn tables_of_others_are_refused_whatever_way_leads_to_them() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client.batch_execute(OTHERS).await?;
    let before = others(&client).await?;

    for (happened, theirs) in [
        ("delete from other.theirs", "other.theirs is"),
        ("delete from \"other\".\"theirs\"", "other.theirs is"),
        ("insert into shared values (:data)", "public.shared is"),
        (
            "with gone as (delete from other.theirs returning a) insert into rows select a from gone",
            "other.theirs is",
        ),
        ("update seen set a = 2", "other.theirs, public.seen are"),
        (
            "insert into rows select position, 'x' from annals.events where position = :position",
            "annals.events is",
        ),
        ("insert into rows select a, 'x' from other.kept", "other.kept is"),
        ("merge into other.theirs using rows on a = number when matched then delete", "other.theirs is"),
        ("-- batch\ndelete from other.theirs using events where a = version", "other.theirs is"),
        ("select 1 from other.theirs for update", "other.theirs is"),
    ] {
        let error = refused(&mut client, happened).await?;
        let told = format!("happened.sql:1:1: {theirs} not in schema rows");
        assert!(error.starts_with(&told), "{happened}: {error}");
    }
    assert_eq!(others(&client).await?, before);
    Ok(())
}

#[tokio::test]
async fn tables_are_made_in_the_own_schema_and_nothing_else_is_changed() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client.batch_execute(OTHERS).await?;
    let before = others(&client).await?;

    for (setup, told) in [
        ("create table public.made (a int)", "setup.sql:1:1: public.made is not in schema rows"),
        ("drop table other.theirs cascade", "setup.sql:1:1: what it drops is not in schema rows"),
        ("drop table public.shared", "setup.sql:1:1: what it drops is not in schema rows"),
        ("alter table other.theirs add b int", "setup.sql:1:1: other.theirs"),
        ("delete from other.theirs", "setup.sql:1:1: other.theirs is not"),
        (
            "create table r (a int);\ncreate tabel s (a int)",
            "setup.sql:2:8: the server refuses it: syntax error",
        ),
    ] {
        let folder = SqlFolder::with("select 1")?;
        folder.write("setup.sql", setup)?;
        let error = folder.load()?.set_up(&mut client).await.expect_err(setup);
        let shown = folder.told(&error);
        assert!(shown.starts_with(told), "{setup}: {shown}");
        assert_eq!(others(&client).await?, before, "{setup}");
    }

    let schemas = "select count(*) from pg_namespace where nspname = 'rows'";
    assert_eq!(client.query_one(schemas, &[]).await?.get::<_, i64>(0), 0);
    Ok(())
}

#[tokio::test]
async fn tables_may_be_altered_dropped_and_made_anew_in_the_own_schema() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let folder = SqlFolder::with("select 1")?;
    let setup = "create table if not exists r (a int);\nalter table r alter a type bigint;\n\
                 drop table if exists s; create table s (a int primary key);\n\
                 create or replace function f() returns int begin atomic select case when true then 1 end; end;";
    folder.write("setup.sql", setup)?;

    for _ in 0..2 {
        folder.load()?.set_up(&mut client).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_statement_that_never_ends_is_ended_and_leaves_nothing() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let folder = SqlFolder::with(
        "with recursive forever as (select 1 as a union all select a from forever)
         insert into rows select a, :data from forever",
    )?;
    let projection = folder.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;
    let handlers = handlers.with_statement_timeout(Duration::from_millis(300));
    let events = recorded(&db, 3).await?;

    let transaction = client.transaction().await?;
    let error = handlers.apply(&transaction, &events).await.expect_err("it never ends");
    transaction.rollback().await?;

    assert!(matches!(error, ApplyError::Ended { .. }), "{error:?}");
    let told = format!(
        "event at position {}: the server ended happened.sql:1:1, which has 300ms",
        events[0].position
    );
    assert!(folder.told(&error).starts_with(&told), "{error}");
    assert_eq!(client.query_one("select count(*) from rows.rows", &[]).await?.get::<_, i64>(0), 0);
    // The limit was that of the transaction.
    let limit: String = client.query_one("show statement_timeout", &[]).await?.get(0);
    assert_ne!(limit, "300ms");
    Ok(())
}

#[tokio::test]
async fn an_event_that_the_server_refuses_is_told_and_not_those_behind_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let folder = SqlFolder::with("insert into rows select 1 / (:data::bigint - 2), 'x'")?;
    let projection = folder.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;
    let events = recorded(&db, 5).await?;

    let transaction = client.transaction().await?;
    let error = handlers.apply(&transaction, &events).await.expect_err("division by zero");
    transaction.rollback().await?;

    let told = format!(
        "event at position {}: the server refuses happened.sql:1:1: division by zero",
        events[1].position
    );
    assert_eq!(folder.told(&error), told);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_failed_half_way_is_tried_again_in_its_transaction() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    let folder = SqlFolder::with("insert into rows values (:data, 'x')")?;
    let projection = folder.load()?;
    projection.set_up(&mut client).await?;
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;
    let mut events = recorded(&db, 600).await?;
    events[500].data = Payload::from_json("\"no number\"")?;

    let mut transaction = client.transaction().await?;
    let savepoint = transaction.savepoint("attempt").await?;
    let error = handlers.apply(&savepoint, &events).await.expect_err("one of them fits no column");
    savepoint.rollback().await?;
    handlers.apply(&transaction, &events[..500]).await?;
    handlers.apply(&transaction, &events[501..]).await?;
    transaction.commit().await?;

    assert!(matches!(error, ApplyError::Value(_)), "{error:?}");
    let rows = client.query_one("select count(*), count(distinct number) from rows.rows", &[]).await?;
    assert_eq!((rows.get::<_, i64>(0), rows.get::<_, i64>(1)), (599, 599));
    Ok(())
}

#[tokio::test]
async fn a_function_that_reaches_for_others_is_stopped_by_the_role_that_runs_it() -> TestResult {
    let db = TestDb::fresh().await?;
    let mut client = db.connect().await?;
    client.batch_execute(OTHERS).await?;
    let before = others(&client).await?;
    let folder = SqlFolder::with("select reach()")?;
    folder.write(
        "setup.sql",
        "create or replace function reach() returns void language plpgsql as 'begin delete from other.theirs; end';",
    )?;
    let projection = folder.load()?;
    projection.set_up(&mut client).await?;
    let events = recorded(&db, 1).await?;
    let role = format!("annals_test_rows_{}", std::process::id());
    client
        .batch_execute(&format!("create role {role}; grant usage on schema rows to {role}; set role {role}"))
        .await?;

    // What a function does is not looked into; what its role may not do it does not do.
    let handlers = SqlHandlers::prepare(&mut client, projection).await?;
    let transaction = client.transaction().await?;
    let error = handlers.apply(&transaction, &events).await.expect_err("the role may not");
    transaction.rollback().await?;
    client.batch_execute(&format!("reset role; drop owned by {role}; drop role {role}")).await?;

    assert!(error.to_string().contains("permission denied for schema other"), "{error}");
    assert_eq!(others(&client).await?, before);
    Ok(())
}
