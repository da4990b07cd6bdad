//! What a server refuses, told apart.

use std::error::Error;

use annals_devdb::{TestDatabase, TestResult};
use annals_eventstore::postgres::{ConnectFault, ConnectOptions, connect};

use super::words;

#[tokio::test]
async fn a_missing_database_is_named() -> TestResult {
    let database = TestDatabase::empty().await?;
    let options = ConnectOptions::parse(database.url())?.database("no such database");

    let failed = connect(&options).await.expect_err("there is none");

    assert!(
        matches!(&failed.fault, ConnectFault::DatabaseMissing { database, .. } if database == "no such database")
    );
    assert!(!failed.is_transient());
    Ok(())
}

#[tokio::test]
async fn an_unknown_user_is_not_let_in() -> TestResult {
    let database = TestDatabase::empty().await?;
    let stranger = words(database.url(), "user=stranger")?;

    let failed = connect(&stranger.parse()?).await.expect_err("nobody knows him");

    assert!(matches!(&failed.fault, ConnectFault::AuthenticationFailed { user, .. } if user == "stranger"));
    Ok(())
}

#[tokio::test]
async fn a_setting_that_the_server_does_not_know_is_refused_in_its_words() -> TestResult {
    let database = TestDatabase::empty().await?;
    let options = ConnectOptions::parse(database.url())?.with_setting("no_such_setting", "on");

    let failed = connect(&options).await.expect_err("there is no such setting");

    let ConnectFault::Refused(driver) = &failed.fault else { panic!("{failed:?}") };
    let said = driver.source().expect("the server says why").to_string();
    assert!(said.contains("no_such_setting"), "{said}");
    Ok(())
}
