//! A database per test: copied from a template, dropped, kept.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use annals_devdb::{DatabaseError, Profile, Template, TestDatabase, TestResult};

use crate::{
    children,
    client::{connect, databases, fill},
    scratch::Scratch,
};

#[tokio::test]
async fn a_database_is_dropped_at_the_end_of_a_test_in_a_runtime_of_one_thread() -> TestResult {
    dropped_at_the_end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_dropped_at_the_end_of_a_test_in_a_runtime_of_many_threads() -> TestResult {
    dropped_at_the_end().await
}

async fn dropped_at_the_end() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let database = TestDatabase::create_on(&server, &Template::new("t", "1"), fill).await?;
    let name = database.name().to_owned();
    let open = connect(database.url()).await?;
    assert_eq!(open.query_one("select count(*) from filled", &[]).await?.get::<_, i64>(0), 1);

    drop(database);

    assert!(!databases(&server).await?.contains(&name), "dropped although a connection was open");
    Ok(())
}

#[tokio::test]
async fn many_that_want_a_template_at_once_set_it_up_once_and_get_a_copy_each() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let setups = Arc::new(AtomicU32::new(0));
    let wanted: Vec<_> = (0..12)
        .map(|_| {
            let (server, setups) = (server.clone(), Arc::clone(&setups));
            tokio::spawn(async move {
                let setup = |url| async move {
                    setups.fetch_add(1, Ordering::Relaxed);
                    fill(url).await
                };
                TestDatabase::create_on(&server, &Template::new("t", "1"), setup).await
            })
        })
        .collect();
    let mut made = Vec::new();
    for each in wanted {
        made.push(each.await??);
    }

    assert_eq!(setups.load(Ordering::Relaxed), 1);
    assert_eq!(made.iter().map(TestDatabase::name).collect::<BTreeSet<_>>().len(), 12);
    for database in &made {
        connect(database.url()).await?.batch_execute("insert into filled values (2)").await?;
    }
    let count = connect(made[0].url()).await?.query_one("select count(*) from filled", &[]).await?;
    assert_eq!(count.get::<_, i64>(0), 2, "nobody writes into another's database");
    Ok(())
}

#[tokio::test]
async fn a_setup_that_fails_is_reported_and_tried_again_by_the_next_one() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let template = Template::new("t", "1");

    let refused = TestDatabase::create_on(&server, &template, |_| async { Err("no such migration") }).await;
    let error = refused.err().ok_or("the setup failed")?;
    assert!(matches!(error, DatabaseError::Setup { .. }), "{error}");
    assert!(!databases(&server).await?.iter().any(|name| name.contains("building")));

    TestDatabase::create_on(&server, &template, fill).await?;
    Ok(())
}

#[tokio::test]
async fn a_template_that_a_killed_process_had_almost_finished_is_made_anew() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let template = Template::new("t", "1");
    let unfinished = template.database().replace("annals_template_", "annals_building_");
    let client = connect(&server.url("postgres")).await?;
    client.batch_execute(&format!("create database {unfinished}")).await?;
    let close = format!("alter database {unfinished} with allow_connections false is_template true");
    client.batch_execute(&close).await?;

    let database = TestDatabase::create_on(&server, &template, fill).await?;

    connect(database.url()).await?.query_one("select id from filled", &[]).await?;
    assert!(!databases(&server).await?.contains(&unfinished));
    Ok(())
}

#[tokio::test]
async fn a_setup_that_leaves_a_connection_open_still_yields_a_template() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let kept = Arc::new(std::sync::Mutex::new(None));
    let keeper = Arc::clone(&kept);

    let setup = |url: String| async move {
        let client = connect(&url).await?;
        client.batch_execute("create table filled (id int)").await?;
        *keeper.lock().unwrap() = Some(client);
        Ok::<_, tokio_postgres::Error>(())
    };
    TestDatabase::create_on(&server, &Template::new("t", "1"), setup).await?;

    assert!(kept.lock().unwrap().as_ref().is_some_and(tokio_postgres::Client::is_closed));
    Ok(())
}

#[tokio::test]
async fn an_empty_database_has_no_tables_and_is_utf8() -> TestResult {
    let scratch = Scratch::new();
    let server = scratch.server(Profile::Test).await?;
    let database = TestDatabase::empty_on(&server).await?;

    let tables = "select count(*), current_setting('server_encoding') from pg_tables
                  where schemaname not in ('pg_catalog', 'information_schema')";
    let row = connect(database.url()).await?.query_one(tables, &[]).await?;

    assert_eq!((row.get(0), row.get(1)), (0_i64, "UTF8"));
    Ok(())
}

#[tokio::test]
async fn the_database_of_a_failed_test_is_kept_and_named_with_the_line_that_failed() -> TestResult {
    let scratch = Scratch::new();
    let output = children::command("database_per_test::a_child", "fail", scratch.folder()).output()?;

    let text = children::text(&output);
    let name = children::answer(&output, "database").ok_or("the child must name its database")?;
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("annals: kept the database of the failed test: "), "{text}");
    assert!(text.contains(&format!("{name}\"")), "{text}");
    assert!(text.contains("database_per_test.rs"), "the place of the `?`: {text}");
    assert!(text.contains("relation \"nowhere\" does not exist"), "the cause: {text}");
    let server = scratch.server(Profile::Test).await?;
    assert!(server.sweep().await?.is_empty());
    let row = connect(&server.url(&name)).await?.query_one("select count(*) from filled", &[]).await?;
    assert_eq!(row.get::<_, i64>(0), 1);
    Ok(())
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    let database = TestDatabase::create(&Template::new("t", "1"), fill).await?;
    println!("database={}", database.name());
    connect(database.url()).await?.batch_execute("select * from nowhere").await?;
    Ok(())
}
