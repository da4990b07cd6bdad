//! `annals stream show` and `annals stream ls`.

use annals_devdb::TestResult;
use annals_eventstore::{Append, EventStore, NewEvent, Payload};
use serde_json::json;

use crate::support::Log;

#[tokio::test]
async fn an_event_is_one_json_object_a_line_with_its_data_to_the_letter() -> TestResult {
    let log = Log::fresh().await?;
    let data = Payload::from_json("{\"b\": 1.50,\n \"a\": 18446744073709551616}")?;
    let event = NewEvent::of("opened".parse()?, data);
    let id = event.id.to_string();
    log.store().await?.append(Append::to("account-7".parse()?, [event])).await?;

    let shown = log.annals(&["stream", "show", "account-7", "--json"])?.exits(0);

    assert_eq!(shown.stdout.lines().count(), 1, "{}", shown.stdout);
    assert!(shown.stdout.contains(r#""data":{"b": 1.50,  "a": 18446744073709551616},"metadata":null"#));
    let event = &shown.json()?[0];
    let names: Vec<&String> = event.as_object().expect("an object").keys().collect();
    let mut expected = [
        "position",
        "stream",
        "version",
        "event_id",
        "event_type",
        "schema_version",
        "data",
        "metadata",
        "recorded_at",
    ];
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(
        (&event["stream"], &event["version"], &event["event_id"], &event["event_type"]),
        (&json!("account-7"), &json!(1), &json!(id), &json!("opened"))
    );
    let time = event["recorded_at"].as_str().expect("a text");
    assert!(time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{time}");
    Ok(())
}

#[tokio::test]
async fn a_long_stream_is_shown_whole_in_both_directions() -> TestResult {
    let log = Log::fresh().await?;
    let events = (1..=2500).map(|n| NewEvent::new("counted", &n)).collect::<Result<Vec<_>, _>>()?;
    log.store().await?.append(Append::to("count-1".parse()?, events)).await?;
    let versions = |more: &[&str]| -> Result<Vec<i64>, annals_devdb::TestFailure> {
        let shown = log.annals(&[&["stream", "show", "count-1", "--json"], more].concat())?.exits(0);
        Ok(shown.json()?.iter().filter_map(|event| event["version"].as_i64()).collect())
    };

    assert_eq!(versions(&[])?, (1..=2500).collect::<Vec<_>>());
    assert_eq!(versions(&["--backward"])?, (1..=2500).rev().collect::<Vec<_>>());
    assert_eq!(versions(&["--from", "1400", "--limit", "3"])?, [1400, 1401, 1402]);
    assert_eq!(versions(&["--backward", "--limit", "2"])?, [2500, 2499]);
    assert_eq!(versions(&["--backward", "--from", "2"])?, [2, 1]);
    assert_eq!(versions(&["--from", "2501"])?, [0_i64; 0]);
    Ok(())
}

#[tokio::test]
async fn a_missing_stream_exits_3() -> TestResult {
    let log = Log::fresh().await?;

    let missing = log.annals(&["stream", "show", "account-7"])?.exits(3);

    assert_eq!(missing.stderr, "error: stream account-7 does not exist\n");
    assert_eq!(missing.stdout, "");
    Ok(())
}

#[tokio::test]
async fn lines_for_people_carry_no_colour_into_a_pipe() -> TestResult {
    let log = Log::fresh().await?;
    log.annals(&["stream", "append", "account-7", "--type", "opened", "--data", "{\"owner\":\"Ada\"}"])?
        .exits(0);

    let shown = log.annals(&["stream", "show", "account-7"])?.exits(0);

    assert!(shown.stdout.starts_with("       1  account-7@1 "), "{}", shown.stdout);
    assert!(shown.stdout.ends_with("  {\"owner\":\"Ada\"}\n"), "{}", shown.stdout);
    assert!(!shown.stdout.contains('\x1b'));
    Ok(())
}

#[tokio::test]
async fn streams_are_listed_by_prefix() -> TestResult {
    let log = Log::fresh().await?;
    let store = log.store().await?;
    for name in ["account-1", "account-2", "transfer-1"] {
        store.append(Append::to(name.parse()?, [NewEvent::new("begun", &1)?])).await?;
    }

    let listed = log.annals(&["stream", "ls", "account-", "--json"])?.exits(0);

    assert_eq!(
        listed.json()?,
        [
            json!({"stream": "account-1", "version": 1, "first_version": 1}),
            json!({"stream": "account-2", "version": 1, "first_version": 1}),
        ]
    );
    assert_eq!(log.annals(&["stream", "ls"])?.stdout, "account-1@1\naccount-2@1\ntransfer-1@1\n");
    assert_eq!(log.annals(&["stream", "ls", "--limit", "1"])?.stdout, "account-1@1\n");
    Ok(())
}

#[tokio::test]
async fn streams_of_a_category_are_listed_without_those_that_only_begin_like_it() -> TestResult {
    let log = Log::fresh().await?;
    let store = log.store().await?;
    for name in ["account", "account!1", "account-1", "account-1-eu", "accounts-1"] {
        store.append(Append::to(name.parse()?, [NewEvent::new("begun", &1)?])).await?;
    }
    let listed = |more: &[&str]| log.annals(&[&["stream", "ls", "--category", "account"], more].concat());

    assert_eq!(listed(&[])?.exits(0).stdout, "account@1\naccount-1@1\naccount-1-eu@1\n");
    assert_eq!(listed(&["--limit", "2"])?.exits(0).stdout, "account@1\naccount-1@1\n");
    assert_eq!(listed(&["account-1-"])?.exits(0).stdout, "account-1-eu@1\n");
    log.annals(&["stream", "ls", "--category", "bank-account"])?.exits(2);
    Ok(())
}
