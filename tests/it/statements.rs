//! Every statement of the adapter prepares, and its plan is the one its header promises.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::parameter_types;
use tokio_postgres::Client;

use crate::support::TestDb;

/// Enough rows that a wrong plan would be chosen where it is the better one only for a small table.
const FILL: &str = "
    select annals.append('account-' || n, -2, '[{\"type\": \"a\", \"data\": 1}, {\"type\": \"b\", \"data\": 2}]')
    from generate_series(1, 3000) as n;
    insert into annals.checkpoints (consumer, version, partition, lineage)
    select 'consumer ' || n, 1, 0, gen_random_uuid() from generate_series(1, 300) as n;
    insert into annals.projections (consumer, version, partitions)
    select 'consumer ' || n, 1, 16 from generate_series(1, 300) as n;
    insert into annals.leases (consumer, version, partition, owner)
    select consumer, version, slot, gen_random_uuid() from annals.projections, generate_series(0, 15) as slot;
    insert into annals.runners (runner_id, consumer, version, name, build, alive_until)
    select gen_random_uuid(), consumer, version, 'runner', '', clock_timestamp()
    from annals.projections, generate_series(1, 4);
    insert into annals.parked (consumer, version, partition, key, position, event_id, stream_name, event_type, attempts)
    select consumer, version, n % 16, 'key ' || n % 40, n, gen_random_uuid(), 'stream', 'type', 1
    from annals.projections, generate_series(1, 100) as n;
    insert into annals.control (consumer, version, partition, verb, key, reason, done_at)
    select consumer, version, n % 16, 'retry', 'key', '', case when n % 10 > 0 then clock_timestamp() end
    from annals.projections, generate_series(1, 100) as n;
    insert into annals.rebuilds (consumer, version, replaces, keeps_old, reason, ended_at)
    select consumer, version, version, false, '', case when n > 1 then clock_timestamp() end
    from annals.projections, generate_series(1, 10) as n;
    analyze annals.rebuilds; analyze annals.parked; analyze annals.control; analyze annals.runners; analyze annals.projections; analyze annals.leases;
    analyze annals.streams; analyze annals.events; analyze annals.checkpoints";

/// Every statement of every crate.
fn statements() -> Vec<(&'static str, &'static str)> {
    [annals_eventstore::postgres::statements(), annals_projections::statements()].concat()
}

/// Returns the generic plan, which is the one a prepared statement settles on.
async fn plan(client: &Client, name: &str, sql: &str) -> Result<String, TestFailure> {
    let parameters = client.prepare(sql).await?.params().len();
    client.batch_execute(&format!("prepare \"{name}\" as {sql}")).await?;
    let nulls =
        if parameters == 0 { String::new() } else { format!("({})", vec!["null"; parameters].join(", ")) };
    let rows = client.query(&format!("explain (costs off) execute \"{name}\"{nulls}"), &[]).await?;
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    Ok(lines.join("\n").to_lowercase())
}

/// Returns what a header promises: its `plan` lines.
fn promised(sql: &str) -> Vec<String> {
    sql.lines().filter_map(|line| line.strip_prefix("-- plan ")).map(str::to_owned).collect()
}

/// `index scan on events_pkey` is told by the server as `index scan using events_pkey on events`.
fn holds(plan: &str, promise: &str) -> bool {
    let promise = promise.split(" (").next().unwrap_or(promise);
    match promise.split_once(" on ") {
        Some((scan, index)) => {
            let told = [format!("{scan} using {index}"), format!("{scan} backward using {index}")];
            told.iter().any(|told| plan.contains(told))
        }
        None => plan.contains(promise),
    }
}

fn scans_a_whole_table(plan: &str) -> bool {
    let scanned = plan.lines().filter_map(|line| line.split("seq scan on ").nth(1));
    scanned
        .filter_map(|table| table.split_whitespace().next())
        .any(|table| ["events", "streams"].contains(&table))
}

#[tokio::test]
async fn every_statement_has_the_plan_its_header_promises() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;
    client.batch_execute(FILL).await?;
    client.batch_execute("set plan_cache_mode = force_generic_plan").await?;

    let mut checked = 0;
    for (name, sql) in statements() {
        let promised = promised(sql);
        assert!(!promised.is_empty(), "{name}.sql promises no plan");
        let plan = plan(&client, name, sql).await?;
        for promise in &promised {
            assert!(holds(&plan, promise), "{name}.sql promises `{promise}`, the plan is\n{plan}");
        }
        let sorts = promised.iter().any(|promise| promise.starts_with("sort"));
        assert!(sorts || !plan.contains("sort"), "{name}.sql sorts:\n{plan}");
        assert!(!scans_a_whole_table(&plan), "{name}.sql reads a whole table:\n{plan}");
        checked += 1;
    }

    println!("statements: {checked} plans checked");
    assert!(checked >= 13);
    Ok(())
}

#[tokio::test]
async fn every_header_tells_its_parameters() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;

    for (name, sql) in statements() {
        let parameters = client.prepare(sql).await?.params().len();
        let told = (1..)
            .take_while(|n| {
                sql.lines().any(|line| line.starts_with("--") && line.contains(&format!("${n} ")))
            })
            .count();
        assert_eq!(told, parameters, "{name}.sql");
    }
    Ok(())
}

#[tokio::test]
async fn every_header_gives_the_parameters_the_types_that_the_server_finds() -> TestResult {
    let db = TestDb::fresh().await?;
    let client = db.connect().await?;

    let mut compared = 0;
    for (name, sql) in statements() {
        let found = client.prepare(sql).await?.params().to_vec();
        assert_eq!(parameter_types(sql), found, "{name}");
        compared += found.len();
    }

    println!("statements: {compared} parameters compared");
    assert!(compared > 0);
    Ok(())
}
