//! `annals db`.

use annals_devdb::TestResult;
use annals_eventstore::postgres::{Connected, connect, migrations};
use serde_json::json;

use crate::support::{Log, annals, run};

#[tokio::test]
async fn an_absent_schema_exits_6_until_it_is_migrated() -> TestResult {
    let log = Log::absent().await?;

    let absent = log.annals(&["db", "status", "--json"])?.exits(6);
    log.annals(&["stream", "ls"])?.exits(6);
    let migrated = log.annals(&["db", "migrate"])?.exits(0);
    let current = log.annals(&["db", "status", "--json"])?.exits(0);
    let again = log.annals(&["db", "migrate"])?.exits(0);

    assert!(absent.stderr.contains("run `annals db migrate`"), "{absent:?}");
    assert!(absent.json()?.iter().all(|component| component["installed"] == 0));
    let count = migrated.stderr.lines().filter(|line| line.starts_with("annals: applied ")).count();
    assert_eq!(count, migrations().len());
    assert!(current.json()?.iter().all(|component| component["installed"] == component["known"]));
    assert_eq!(current.json()?[0]["schema"], json!("annals"));
    assert_eq!(again.stderr, "annals: schema annals was up to date\n");
    Ok(())
}

#[tokio::test]
async fn a_schema_newer_than_the_program_exits_6() -> TestResult {
    let log = Log::fresh().await?;
    let Connected { client, connection, .. } = connect(&log.url().parse()?).await?;
    tokio::spawn(connection.drive());
    let newer = "insert into annals.migrations (component, number, name, hash)
                 select component, max(number) + 1, 'tomorrow', 'hash' from annals.migrations group by component";
    client.batch_execute(newer).await?;

    let refused = log.annals(&["stream", "ls"])?.exits(6);

    assert!(refused.stderr.contains("use a newer version of Annals"), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn the_printed_schema_needs_no_database_and_does_the_same() -> TestResult {
    let log = Log::absent().await?;
    let printed = run(&mut annals(&["db", "migrate", "--print", "--schema", "orders"]))?.exits(0);
    let Connected { client, connection, .. } = connect(&log.url().parse()?).await?;
    tokio::spawn(connection.drive());

    client.batch_execute(&printed.stdout).await?;

    log.annals(&["db", "status", "--schema", "orders"])?.exits(0);
    let mut by_environment = log.command(&["stream", "ls"]);
    run(by_environment.env("ANNALS_SCHEMA", "orders"))?.exits(0);
    log.annals(&["stream", "ls"])?.exits(6);
    Ok(())
}

#[tokio::test]
async fn optional_indexes_are_listed_built_and_dropped() -> TestResult {
    let log = Log::fresh().await?;
    let ready = || -> Result<Vec<String>, annals_devdb::TestFailure> {
        let listed = log.annals(&["db", "index", "ls", "--json"])?.exits(0).json()?;
        assert_eq!(listed.len(), 5, "{listed:?}");
        let ready = listed.iter().filter(|index| index["state"] == "ready");
        Ok(ready.filter_map(|index| index["index"].as_str()).map(str::to_owned).collect())
    };

    assert_eq!(ready()?, [""; 0]);
    let added = log.annals(&["db", "index", "add", "event-type"])?.exits(0);
    assert_eq!(added.stderr, "annals: index event-type is built\n");
    log.annals(&["db", "index", "add", "category"])?.exits(0);
    assert_eq!(ready()?, ["category", "event-type"]);
    let again = log.annals(&["db", "index", "add", "event-type"])?.exits(0);
    assert_eq!(again.stderr, "annals: index event-type was there\n");
    log.annals(&["db", "index", "drop", "event-type"])?.exits(0);
    assert_eq!(ready()?, ["category"]);
    let unknown = log.annals(&["db", "index", "add", "everything"])?.exits(2);
    assert!(unknown.stderr.contains("recorded-at"), "{unknown:?}");

    let printed =
        run(&mut annals(&["db", "index", "add", "correlation", "--print", "--schema", "orders"]))?.exits(0);
    assert!(printed.stdout.contains("on \"orders\".events\n"), "{printed:?}");
    Ok(())
}
