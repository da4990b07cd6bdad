//! `annals stream append`.

use annals_devdb::TestResult;
use serde_json::json;

use crate::support::Log;

#[tokio::test]
async fn an_append_prints_its_receipt_with_the_column_names_of_sql() -> TestResult {
    let log = Log::fresh().await?;
    let append = ["stream", "append", "account-7", "--type", "opened", "--data", "{}", "--json"];

    let first = log.annals(&append)?.exits(0);
    let second = log.annals(&[&append[..], &["--expect", "1"]].concat())?.exits(0);

    assert_eq!(
        first.json()?,
        [
            json!({"from_version": 1, "to_version": 1, "from_position": 1, "to_position": 1, "already_applied": false})
        ]
    );
    assert_eq!(second.json()?[0]["to_version"], 2);
    assert_eq!(first.stderr, "");
    Ok(())
}

#[tokio::test]
async fn a_version_conflict_exits_4_and_says_what_to_do() -> TestResult {
    let log = Log::fresh().await?;
    let append = ["stream", "append", "account-7", "--type", "opened", "--data", "1", "--expect", "none"];
    log.annals(&append)?.exits(0);

    let refused = log.annals(&append)?.exits(4);

    assert_eq!(refused.stdout, "");
    assert_eq!(
        refused.stderr,
        "error: stream account-7 is at version 1, expected was no stream\n  \
         help: nothing was written; read the stream (annals stream show account-7) and decide again\n"
    );
    let missing =
        log.annals(&["stream", "append", "a-1", "--type", "b", "--data", "1", "--expect", "exists"])?;
    missing.exits(3);
    Ok(())
}

#[tokio::test]
async fn a_repeated_key_stores_nothing_twice_and_other_content_is_refused() -> TestResult {
    let log = Log::fresh().await?;
    let append = |data| {
        log.annals(&["stream", "append", "a-1", "--type", "b", "--json", "--key", "k", "--data", data])
    };

    append("1")?.exits(0);
    let again = append("1")?.exits(0);
    let other = append("2")?.exits(1);

    assert_eq!(again.json()?[0]["already_applied"], true);
    assert!(other.stderr.contains("the key was given as \"k\", use another"), "{other:?}");
    assert_eq!(log.annals(&["stream", "show", "a-1", "--json"])?.json()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn data_is_taken_from_an_argument_a_file_or_standard_input() -> TestResult {
    let log = Log::fresh().await?;
    let file = std::env::temp_dir().join(format!("annals-data-{}", std::process::id()));
    std::fs::write(&file, "{\"from\": \"file\"}\n")?;
    let at_file = format!("@{}", file.display());

    log.annals(&["stream", "append", "a-1", "--type", "b", "--data", &at_file])?.exits(0);
    log.annals_reading(
        &["stream", "append", "a-1", "--type", "b", "--data", "-"],
        "{\"from\": \"input\"}\n",
    )?
    .exits(0);
    let id = "0198c0de-0000-7000-8000-000000000001";
    let metadata = r#"{"actor": "me", "tenant": 7}"#;
    let more = ["--id", id, "--metadata", metadata, "--schema-version", "3"];
    log.annals(&[&["stream", "append", "a-1", "--type", "b", "--data", "null"], &more[..]].concat())?
        .exits(0);

    std::fs::remove_file(&file)?;
    let events = log.annals(&["stream", "show", "a-1", "--json"])?.json()?;
    assert_eq!(events[0]["data"], json!({"from": "file"}));
    assert_eq!(events[1]["data"], json!({"from": "input"}));
    assert_eq!(events[2]["metadata"], json!({"actor": "me", "tenant": 7}));
    assert_eq!((&events[2]["event_id"], &events[2]["schema_version"]), (&json!(id), &json!(3)));
    Ok(())
}
