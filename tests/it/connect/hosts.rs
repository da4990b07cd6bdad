//! Several hosts: which of them is taken, and what is said of the others.

use std::time::Duration;

use annals_devdb::{TestDatabase, TestResult};
use annals_eventstore::postgres::{ConnectFault, ConnectOptions, connect};
use tokio::net::TcpListener;

use super::{ask, client, host, words};

#[tokio::test]
async fn a_host_that_is_down_hands_over_to_the_next() -> TestResult {
    let database = TestDatabase::empty().await?;
    let hosts = format!("host=/no/such/socket,{}", host(database.url())?);

    let client = client(&words(database.url(), &hosts)?).await?;

    assert_eq!(ask(&client, "select current_database()::text").await?, database.name());
    Ok(())
}

#[tokio::test]
async fn when_no_host_serves_every_one_of_them_is_named() -> TestResult {
    let options: ConnectOptions = "host=/no/such/one,/no/such/two user=ann".parse()?;

    let failed = connect(&options).await.expect_err("nobody is there");

    assert_eq!(
        failed.to_string(),
        "cannot connect to /no/such/two/.s.PGSQL.5432: server cannot be reached; \
         before, /no/such/one/.s.PGSQL.5432: server cannot be reached"
    );
    Ok(())
}

#[tokio::test]
async fn a_host_of_the_wrong_kind_is_passed_over() -> TestResult {
    let database = TestDatabase::empty().await?;
    let session = |kind: &str| words(database.url(), &format!("target_session_attrs={kind}"));

    for served in ["any", "read-write", "primary", "prefer-standby"] {
        connect(&session(served)?.parse()?).await?;
    }
    for missing in ["read-only", "standby"] {
        let failed = connect(&session(missing)?.parse()?).await.expect_err(missing);
        assert!(
            matches!(failed.fault, ConnectFault::WrongSession { wanted } if wanted == missing),
            "{failed:?}"
        );
        assert!(failed.is_transient());
    }
    let read_only =
        session("read-only")?.parse::<ConnectOptions>()?.with_setting("default_transaction_read_only", "on");
    connect(&read_only).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_answers_costs_no_more_than_the_timeout() -> TestResult {
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let port = silent.local_addr()?.port();
    let timeout = Duration::from_millis(100);
    let options: ConnectOptions = format!("host=127.0.0.1 port={port} user=ann sslmode=disable").parse()?;

    let failed = connect(&options.connect_timeout(Some(timeout))).await.expect_err("nobody answers");

    assert!(matches!(failed.fault, ConnectFault::TimedOut(after) if after == timeout), "{failed:?}");
    assert_eq!(
        failed.to_string(),
        format!("cannot connect to 127.0.0.1:{port}: server did not answer within 0.1 s")
    );
    Ok(())
}
