//! Pools and session settings.

use std::time::Duration;

use annals_devdb::{TestDatabase, TestResult};
use annals_eventstore::postgres::{ConnectError, ConnectFault, ConnectOptions, PoolOptions, pool};

use super::ask;

#[tokio::test]
async fn every_connection_of_a_pool_has_the_settings_to_the_letter() -> TestResult {
    let database = TestDatabase::empty().await?;
    let odd = r#"a b\c  "d" 'e'"#;
    let options = ConnectOptions::parse(database.url())?
        .with_setting("annals.odd", odd)
        .with_setting("default_transaction_isolation", "read committed")
        .application_name("pool of a test");
    let pool = pool(&options, PoolOptions { max_size: 2, ..PoolOptions::default() });

    let (one, other) = (pool.get().await?, pool.get().await?);

    for client in [&one, &other] {
        assert_eq!(ask(client, "select current_setting('annals.odd')").await?, odd);
        assert_eq!(ask(client, "select current_setting('application_name')").await?, "pool of a test");
    }
    Ok(())
}

#[tokio::test]
async fn a_pool_that_is_used_up_gives_up_after_its_timeout() -> TestResult {
    let database = TestDatabase::empty().await?;
    let size = PoolOptions { max_size: 1, wait_timeout: Some(Duration::from_millis(50)) };
    let pool = pool(&database.url().parse()?, size);
    let taken = pool.get().await?;

    let failed = pool.get().await.expect_err("the only one is taken");

    assert!(matches!(failed, deadpool_postgres::PoolError::Timeout(_)), "{failed}");
    drop(taken);
    let _again = pool.get().await?;
    Ok(())
}

#[tokio::test]
async fn a_pool_tells_what_the_server_said() -> TestResult {
    let database = TestDatabase::empty().await?;
    let options = ConnectOptions::parse(database.url())?.database("no such database");

    let failed = pool(&options, PoolOptions::default()).get().await.expect_err("there is none");

    let deadpool_postgres::PoolError::Backend(driver) = failed else { panic!("{failed}") };
    let cause = ConnectError::behind(&driver).expect("the cause is kept");
    assert!(matches!(cause.fault, ConnectFault::DatabaseMissing { .. }), "{cause:?}");
    Ok(())
}
