//! `annals doctor`: a log as it should be has no fault, and each fault that is planted is told with what to do.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::connect;
use serde_json::Value;
use tokio_postgres::Client;

use crate::support::{Log, Run, until_only};

const APPEND: &str = r#"select annals.append('account-1', -2, '[{"type": "opened", "data": 1}]')"#;

/// Every check of a log that can be used.
const CHECKS: [&str; 20] = [
    "server",
    "encoding",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "transaction_isolation",
    "idle_in_transaction",
    "autovacuum",
    "connections",
    "pooler",
    "wakeups",
    "migrations",
    "log",
    "triggers",
    "role",
    "sessions",
    "grants",
    "open_appends",
    "indexes",
    "prepared_transactions",
];

/// A log with roles on a server that keeps what it was given, and a session on it.
async fn healthy() -> Result<(Log, Client), TestFailure> {
    let log = Log::durable().await?;
    log.annals(&["db", "roles", "--apply"])?.exits(0);
    let client = log.session().await?;
    Ok((log, client))
}

/// The lines about one thing.
fn about(run: &Run, check: &str) -> Result<Vec<Value>, TestFailure> {
    Ok(run.json()?.into_iter().filter(|line| line["check"] == check).collect())
}

/// Checks that the doctor tells one fault about a thing, with its exit code; returns the line.
#[track_caller]
fn tells(log: &Log, check: &str, verdict: &str, arguments: &[&str]) -> Result<Value, TestFailure> {
    let run = log.annals(&[&["doctor", "--json"], arguments].concat())?.exits(if verdict == "fail" {
        5
    } else {
        0
    });
    let mut lines = about(&run, check)?;
    assert_eq!(lines.len(), 1, "{check}: {}", run.stdout);
    assert_eq!(lines[0]["verdict"], verdict, "{check}: {}", run.stdout);
    assert_eq!(lines[0]["advice"].is_string(), verdict != "ok", "{check}: {}", run.stdout);
    Ok(lines.remove(0))
}

#[tokio::test]
async fn a_log_as_it_should_be_has_no_fault_under_an_application_with_the_least_rights() -> TestResult {
    let (log, owner) = healthy().await?;
    owner.batch_execute(APPEND).await?;
    drop(owner);
    let login = log.login("idle_in_transaction_session_timeout = '1min'").await?;
    let other = log.login("idle_in_transaction_session_timeout = '1min'").await?;
    let other_session = connect(&other.url().parse()?).await?.into_client();
    until_only(&other_session, &[login.name(), other.name()]).await?;

    let run = log.annals(&["doctor", "--json", "--strict", "--database-url", login.url()])?.exits(0);

    let lines = run.json()?;
    assert!(lines.iter().all(|line| line["verdict"] == "ok" && line["advice"].is_null()), "{}", run.stdout);
    let told: Vec<&str> = lines.iter().filter_map(|line| line["check"].as_str()).collect();
    assert_eq!(told, CHECKS);
    let taken = about(&run, "connections")?[0]["found"]
        .as_str()
        .and_then(|found| found.split(' ').next()?.parse().ok());
    assert!(taken >= Some(2), "sessions of other roles are counted: {}", run.stdout);
    let run = log.annals(&["doctor", "--database-url", login.url()])?.exits(0);
    assert_eq!(run.stdout.lines().count(), lines.len(), "a line for each: {}", run.stdout);
    assert!(run.stdout.starts_with("ok    server                 PostgreSQL 1"), "{}", run.stdout);
    drop(other_session);
    other.drop().await?;
    login.drop().await
}

#[tokio::test]
async fn who_may_change_events_is_warned_of_it_and_may_be_refused_for_it() -> TestResult {
    let (log, owner) = healthy().await?;

    let superuser = tells(&log, "role", "warn", &[])?;
    let login = log.login("idle_in_transaction_session_timeout = '1min'").await?;
    owner.batch_execute(&format!("grant annals_owner to {}", login.name())).await?;
    let acts_as_owner = tells(&log, "role", "warn", &["--database-url", login.url()])?;
    let sessions = tells(&log, "sessions", "warn", &["--database-url", login.url()])?;
    let strict = log.annals(&["doctor", "--strict", "--database-url", login.url()])?.exits(5);

    assert!(superuser["found"].as_str().is_some_and(|found| found.contains("a superuser")), "{superuser}");
    let is_told = |found: &str| found.contains("act as its owner annals_owner");
    assert!(acts_as_owner["found"].as_str().is_some_and(is_told), "{acts_as_owner}");
    assert!(sessions["found"].as_str().is_some_and(|found| found.contains("1 of ")), "{sessions}");
    let advice = acts_as_owner["advice"].as_str();
    assert!(advice.is_some_and(|advice| advice.contains("annals db roles")), "{acts_as_owner}");
    assert!(strict.stdout.contains("\n      help: "), "{}", strict.stdout);
    assert_eq!(strict.stderr.lines().next(), Some("error: 2 of 20 checks failed"), "{}", strict.stderr);
    login.drop().await
}

#[tokio::test]
async fn each_fault_that_is_planted_is_told_under_its_name() -> TestResult {
    const SETTING: &str =
        "do $$ begin execute format($q$alter database %I set SETTING$q$, current_database()); end $$";
    let setting = |setting| SETTING.replace("SETTING", setting);
    let plant = |sql: &str| sql.to_owned();
    let faults = [
        ("triggers", "fail", plant("alter table annals.events disable trigger events_are_immutable")),
        ("triggers", "fail", plant("alter table annals.events enable trigger events_are_immutable")),
        ("triggers", "fail", plant("alter table annals.events enable replica trigger events_are_immutable")),
        ("triggers", "fail", plant("drop trigger events_are_immutable on annals.events")),
        (
            "triggers",
            "fail",
            plant(
                "select annals.require_unique_event_ids();
                 alter table annals.events enable trigger event_ids_are_unique",
            ),
        ),
        ("log", "fail", plant("alter sequence annals.events_position_seq cache 10")),
        ("log", "fail", plant("alter sequence annals.events_position_seq cycle")),
        ("log", "fail", plant("delete from annals.lineage")),
        ("log", "fail", format!("{APPEND}; {APPEND}; select setval('annals.events_position_seq', 1)")),
        ("grants", "fail", plant("grant insert on annals.events to annals_reader")),
        ("grants", "fail", plant("grant update (version) on annals.streams to public")),
        ("grants", "fail", plant("grant usage on sequence annals.events_position_seq to annals_appender")),
        ("grants", "fail", plant("grant execute on all functions in schema annals to annals_operator")),
        ("grants", "warn", plant("create function annals.tomorrow() returns int language sql return 1")),
        ("server", "fail", setting("default_transaction_read_only = on")),
        ("transaction_isolation", "warn", setting("default_transaction_isolation = 'repeatable read'")),
        ("synchronous_commit", "warn", setting("synchronous_commit = off")),
        (
            "indexes",
            "fail",
            plant("update pg_index set indisvalid = false where indexrelid = 'annals.events_pkey'::regclass"),
        ),
        ("migrations", "fail", plant("drop function annals.wake()")),
    ];
    let mut told = 0;
    for (check, verdict, sql) in &faults {
        let (log, owner) = healthy().await?;
        owner.batch_execute(sql).await?;
        tells(&log, check, verdict, &[])?;
        told += 1;
    }
    println!("doctor: {told} planted faults told");
    assert_eq!(told, faults.len());
    Ok(())
}

#[tokio::test]
async fn a_log_without_roles_is_told_to_make_them() -> TestResult {
    let log = Log::durable().await?;

    let line = tells(&log, "grants", "warn", &[])?;

    assert!(
        line["advice"].as_str().is_some_and(|advice| advice.contains("annals db roles --apply")),
        "{line}"
    );
    Ok(())
}

#[tokio::test]
async fn without_a_schema_of_this_version_the_log_is_not_asked_further() -> TestResult {
    let log = Log::absent_on_durable().await?;
    let absent = tells(&log, "migrations", "fail", &[])?;
    assert!(absent["advice"].as_str().is_some_and(|advice| advice.contains("annals db migrate")), "{absent}");

    log.annals(&["db", "migrate"])?.exits(0);
    tells(&log, "migrations", "ok", &[])?;
    log.session()
        .await?
        .batch_execute("delete from annals.migrations where component = 'read_model'")
        .await?;
    tells(&log, "migrations", "fail", &[])?;
    let run = log.annals(&["doctor", "--json"])?.exits(5);
    assert!(about(&run, "triggers")?.is_empty() && !about(&run, "wakeups")?.is_empty(), "{}", run.stdout);
    Ok(())
}

#[tokio::test]
async fn appends_left_open_are_named_with_what_ends_them() -> TestResult {
    let (log, owner) = healthy().await?;
    let (mut till, gid) = (log.session().await?, format!("doctor's {}", uuid::Uuid::now_v7()));
    let quoted = gid.replace('\'', "''");
    let pid: i32 = till.query_one("select pg_backend_pid()", &[]).await?.get(0);
    let open = till.transaction().await?;
    open.batch_execute(APPEND).await?;
    let other = APPEND.replace("account-1", "account-2");
    owner.batch_execute(&format!("begin; {other}; prepare transaction '{quoted}'")).await?;

    let patient = log.annals(&["doctor", "--json"]);
    let strict = log.annals(&["doctor", "--json", "--open-for-max", "0"]);
    open.rollback().await?;
    owner.batch_execute(&format!("rollback prepared '{quoted}'")).await?;

    let patient = patient?.exits(0);
    assert_eq!(
        about(&patient, "open_appends")?[0]["verdict"],
        "ok",
        "a moment is nothing: {}",
        patient.stdout
    );
    let strict = strict?.exits(5);
    let held = about(&strict, "open_appends")?;
    let ends =
        |line: &Value, with: &str| line["verdict"] == "fail" && line["advice"].to_string().contains(with);
    assert_eq!(held.len(), 2, "{}", strict.stdout);
    assert!(ends(&held[0], &format!("pg_terminate_backend({pid})")), "{}", held[0]);
    assert!(ends(&held[1], &format!("rollback prepared '{quoted}'")), "{}", held[1]);
    let in_doubt = about(&strict, "prepared_transactions")?;
    let is_ours = |line: &&Value| line["verdict"] == "warn" && line["found"].to_string().contains(&gid);
    let ours = in_doubt.iter().find(is_ours).ok_or("it is in doubt")?;
    assert!(ours["found"].to_string().contains("holds readers of the log back"), "{ours}");
    tells(&log, "open_appends", "ok", &["--open-for-max", "0"])?;
    Ok(())
}

#[tokio::test]
async fn optional_indexes_that_nobody_uses_or_that_are_unfinished_are_told() -> TestResult {
    let (log, owner) = healthy().await?;
    log.annals(&["db", "index", "add", "event-type"])?.exits(0);

    let unused = tells(&log, "indexes", "warn", &[])?;
    assert!(unused["advice"].as_str().is_some_and(|advice| advice.contains("drop event-type")), "{unused}");
    owner.batch_execute(&format!("{APPEND}; set enable_seqscan = off")).await?;
    let reads = "select from annals.events where event_type = 'opened' order by position;
                 select pg_stat_force_next_flush()";
    owner.batch_execute(reads).await?;
    tells(&log, "indexes", "ok", &[])?;
    let unfinished = "update pg_index set indisvalid = false
                      where indexrelid = 'annals.events_event_type_position_idx'::regclass";
    owner.batch_execute(unfinished).await?;
    let line = tells(&log, "indexes", "warn", &[])?;
    assert!(line["advice"].as_str().is_some_and(|advice| advice.contains("add event-type")), "{line}");
    Ok(())
}

#[tokio::test]
async fn a_role_with_too_few_connections_for_a_process_is_told() -> TestResult {
    let (log, owner) = healthy().await?;
    let login = log.login("idle_in_transaction_session_timeout = '1min'").await?;
    owner.batch_execute(&format!("alter role {} connection limit 10", login.name())).await?;

    let run = log.annals(&["doctor", "--json", "--database-url", login.url()])?.exits(5);

    let lines = about(&run, "connections")?;
    assert_eq!(lines[0]["verdict"], "fail", "{}", run.stdout);
    login.drop().await
}

#[test]
fn the_page_explains_each_check_in_the_order_of_the_lines() -> TestResult {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor.md"))?;

    let explained = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());

    assert_eq!(explained.collect::<Vec<_>>(), CHECKS);
    Ok(())
}
