//! `annals db repair`: a log that a restore left unsound takes no event until its owner has repaired it.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::postgres::connect;

use crate::support::Log;

const APPEND: [&str; 7] = ["stream", "append", "account-7", "--type", "opened", "--data", "{}"];

/// A log whose sequence lies behind its events, as after a restore of the data alone.
async fn behind() -> Result<Log, TestFailure> {
    let log = Log::fresh().await?;
    for _ in 0..3 {
        log.annals(&APPEND)?.exits(0);
    }
    connect(&log.url().parse()?)
        .await?
        .into_client()
        .batch_execute("select setval('annals.events_position_seq', 1)")
        .await?;
    Ok(log)
}

#[tokio::test]
async fn an_unsound_log_takes_no_event_until_it_is_repaired() -> TestResult {
    let log = behind().await?;

    let refused = log.annals(&APPEND)?.exits(1);
    assert!(refused.stderr.contains("annals db repair"), "{}", refused.stderr);
    let status = log.annals(&["db", "status"])?.exits(5);
    assert!(status.stderr.contains("sequence-behind"), "{}", status.stderr);
    log.annals(&["db", "migrate"])?.exits(5);
    let found = log.annals(&["db", "repair", "--check", "--json"])?.exits(5).json()?;
    assert_eq!((found.len(), &found[0]["finding"]), (1, &"sequence-behind".into()));

    let done = log.annals(&["db", "repair", "--json"])?.exits(0).json()?;
    assert_eq!(done[0]["done"], "the next position is drawn behind 3");
    log.annals(&["db", "repair", "--check"])?.exits(0);
    log.annals(&APPEND)?.exits(0);
    let shown = log.annals(&["stream", "show", "account-7", "--json"])?.exits(0).json()?;
    assert_eq!((shown.len(), &shown[3]["position"]), (4, &4.into()));
    Ok(())
}

#[tokio::test]
async fn a_sound_log_becomes_another_one_only_when_it_is_told_so() -> TestResult {
    let log = Log::fresh().await?;
    let lineages = "select count(*) from annals.lineage";
    let client = connect(&log.url().parse()?).await?.into_client();

    log.annals(&["db", "repair"])?.exits(0);
    let before: i64 = client.query_one(lineages, &[]).await?.get(0);
    log.annals(&["db", "repair", "--new-lineage"])?.exits(0);
    let after: i64 = client.query_one(lineages, &[]).await?.get(0);

    assert_eq!((before, after), (1, 2));
    log.annals(&["db", "repair", "--check", "--new-lineage"])?.exits(2);
    Ok(())
}
