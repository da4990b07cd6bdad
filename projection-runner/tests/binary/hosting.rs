//! Projections in SQL are hosted by the binary alone: no Rust, no other program.

use annals_devdb::TestResult;
use tokio::time::timeout;

use crate::support::{Log, Process, SOON, append, ask, bank, command, finished, get, until};

const BALANCES: &str =
    "select string_agg(account || ' ' || cents, ', ' order by account) from bank_balances.balances";
const BY_BATCH: &str =
    "select string_agg(account || ' ' || cents, ', ' order by account) from bank_balances_by_batch.balances";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_projections_follows_what_is_appended_in_sql() -> TestResult {
    let log = Log::fresh().await?;
    let client = log.connect().await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    let mut runner = Process::run(log.url(), &bank(), &[]).await?;

    append(&client, "account-bob", "account-opened", r#"{"owner": "Bob"}"#).await?;
    append(&client, "account-ada", "money-deposited", r#"{"amount": 4000}"#).await?;
    append(&client, "account-ada", "money-withdrawn", r#"{"amount": 150}"#).await?;
    append(&client, "account-ada", "noted", "{}").await?;

    until(&client, BALANCES, "ada 3850, bob 0").await?;
    until(&client, BY_BATCH, "ada 3850, bob 0").await?;
    runner.signal("TERM").await?;
    assert_eq!(runner.wait().await?.code(), Some(0), "{}", runner.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_and_the_page_of_projections_say_the_same_of_slots_and_runners() -> TestResult {
    let log = Log::fresh().await?;
    let client = log.connect().await?;
    let runner = Process::run(log.url(), &bank(), &["--name", "here"]).await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    until(&client, BALANCES, "ada 0").await?;
    let leased = "select count(*)::text from annals.leases where owner is not null";
    until(&client, leased, "8").await?;
    // Slots in which nothing was wanted follow within moments.
    let behind = "select count(*)::text from annals.checkpoints where position < 1";
    until(&client, behind, "0").await?;

    let mut asking = command(&["status", "--json"]);
    let status = finished(asking.env("DATABASE_URL", log.url())).await?;
    assert_eq!(status.code, Some(0), "{status:?}");
    let (mut rows, page) = (status.json()?, get(runner.http(), "/projections").await?);

    let (mut shown, status) = (page.json()?, page.status);
    let shown = shown.as_array_mut().ok_or("the page is a list")?;
    assert_eq!((status, rows.len(), shown.len()), (200, 2, 2));
    // Leases are renewed between the two.
    for row in rows.iter_mut().chain(shown.iter_mut()) {
        let leases = row["leases"].as_array_mut().ok_or("a projection has leases")?;
        leases.iter_mut().for_each(|lease| lease["lease_seconds"] = 0.into());
    }
    assert_eq!(&rows, shown);
    let balances = &rows[1];
    assert_eq!(balances["projection"], "bank.sql-balances");
    assert_eq!((&balances["slots"], &balances["leased"]), (&4.into(), &4.into()));
    assert_eq!((&balances["lag_events"], &balances["lag_seconds"]), (&0.into(), &().into()));
    assert_eq!(balances["leases"].as_array().map(Vec::len), Some(4));
    assert_eq!(balances["leases"][0]["owner"], runner.id());
    let alive = &balances["runners"][0];
    assert_eq!((&alive["runner"], &alive["name"]), (&runner.id().into(), &"here".into()));
    assert_eq!(
        (&alive["address"], &alive["build"]),
        (&runner.http().into(), &env!("CARGO_PKG_VERSION").into())
    );

    let mut asking = command(&["projection", "ls"]);
    let listed = finished(asking.env("DATABASE_URL", log.url())).await?;
    assert!(
        listed.stdout.contains("bank.balances-by-batch  1        1         4      4       runs   -"),
        "{listed:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_does_not_wait_for_the_batch_at_hand() -> TestResult {
    let log = Log::fresh().await?;
    let (client, mut other) = (log.connect().await?, log.connect().await?);
    let mut runner = Process::run(log.url(), &bank(), &[]).await?;
    let held = other.transaction().await?;
    held.batch_execute("lock table bank_balances.balances in exclusive mode").await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    let waiting = "select count(*)::text from pg_locks where not granted and relation = 'bank_balances.balances'::regclass";
    until(&client, waiting, "1").await?;

    runner.signal("TERM").await?;
    let given = "select count(*)::text from annals.leases where owner is not null";
    until(&client, given, "1").await?;
    let waits = timeout(std::time::Duration::from_millis(300), runner.wait()).await;
    runner.signal("INT").await?;
    let ended = timeout(SOON, runner.wait()).await??;

    assert!(waits.is_err(), "it waits for the batch: {waits:?}");
    assert_eq!(ended.code(), Some(130), "{}", runner.said());
    held.rollback().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_in_a_database_of_their_own_are_hosted_shown_and_ready() -> TestResult {
    let (log, elsewhere) = (Log::fresh().await?, Log::read_models().await?);
    let (client, read_models) = (log.connect().await?, elsewhere.connect().await?);
    let there = ["--read-models-url", elsewhere.url()];
    let mut runner = Process::run(log.url(), &bank(), &there).await?;

    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    until(&read_models, BALANCES, "ada 0").await?;
    until(&read_models, "select count(*)::text from annals.leases where owner is not null", "8").await?;
    let ready = ask(runner.http(), "/readyz", 200).await?;
    let shown = get(runner.http(), "/projections").await?.json()?;
    let mut asking = command(&[&["status", "--json"], &there[..]].concat());
    let status = finished(asking.env("DATABASE_URL", log.url())).await?.json()?;
    runner.signal("TERM").await?;

    assert_eq!(runner.wait().await?.code(), Some(0), "{}", runner.said());
    assert_eq!((&shown[0]["leased"], &status[0]["leased"]), (&4.into(), &4.into()), "{ready:?}");
    let here: i64 = client.query_one("select count(*) from annals.projections", &[]).await?.get(0);
    assert_eq!(here, 0, "nothing of it is kept beside the log");
    Ok(())
}
