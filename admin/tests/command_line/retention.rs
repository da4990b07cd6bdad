//! `annals stream delete`, `truncate`, `tombstone`, `scrub`, and `annals db roles`.

use annals_devdb::{TestFailure, TestResult};

use crate::support::Log;

/// A log in which a stream has three events.
async fn three_events() -> Result<Log, TestFailure> {
    let log = Log::fresh().await?;
    for _ in 0..3 {
        log.annals(&["stream", "append", "account-7", "--type", "opened", "--data", "{}"])?.exits(0);
    }
    Ok(log)
}

#[tokio::test]
async fn a_deleted_stream_is_read_no_more_and_begins_again() -> TestResult {
    let log = three_events().await?;

    let conflict = log.annals(&["stream", "delete", "account-7", "--expect", "2"])?.exits(4);
    assert!(conflict.stderr.contains("nothing was changed"), "{}", conflict.stderr);
    let deleted = log.annals(&["stream", "delete", "account-7", "--expect", "3", "--json"])?.exits(0);
    assert_eq!(deleted.json()?[0]["version"], 3);
    assert_eq!(deleted.json()?[0]["first_version"], 4);
    log.annals(&["stream", "show", "account-7"])?.exits(3);

    let append =
        ["stream", "append", "account-7", "--type", "opened", "--data", "{}", "--expect", "none", "--json"];
    assert_eq!(log.annals(&append)?.exits(0).json()?[0]["to_version"], 4);
    log.annals(&["stream", "delete", "account-8"])?.exits(3);
    Ok(())
}

#[tokio::test]
async fn a_truncated_stream_begins_later() -> TestResult {
    let log = three_events().await?;

    log.annals(&["stream", "truncate", "account-7", "--before", "3", "--reason", "closed year"])?.exits(0);

    let shown = log.annals(&["stream", "show", "account-7", "--json"])?.exits(0).json()?;
    assert_eq!((shown.len(), &shown[0]["version"]), (1, &3.into()));
    log.annals(&["stream", "truncate", "account-7", "--before", "9"])?.exits(2);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_undone_asks_for_a_confirmation() -> TestResult {
    let log = three_events().await?;

    for verb in ["tombstone", "scrub"] {
        let refused = log.annals(&["stream", verb, "account-7"])?.exits(2);
        assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    }
    log.annals(&["stream", "show", "account-7"])?.exits(0);

    log.annals(&["stream", "tombstone", "account-7", "--yes"])?.exits(0);
    log.annals(&["stream", "append", "account-7", "--type", "opened", "--data", "{}"])?.exits(1);
    Ok(())
}

#[tokio::test]
async fn scrubbing_removes_what_is_no_longer_shown_once_the_roles_are_there() -> TestResult {
    let log = three_events().await?;
    let scrub = ["stream", "scrub", "account-7", "--yes", "--json"];
    log.annals(&scrub)?.exits(1);
    log.annals(&["stream", "delete", "account-7"])?.exits(0);

    let nobody_may = log.annals(&scrub)?.exits(1);
    assert!(nobody_may.stderr.contains("annals db roles --apply"), "{}", nobody_may.stderr);
    log.annals(&["db", "roles", "--apply"])?.exits(0);
    log.annals(&["db", "roles", "--apply"])?.exits(0);
    let scrubbed = log.annals(&scrub)?.exits(0).json()?;

    assert_eq!(scrubbed[0]["events_removed"], 3);
    assert_eq!(log.annals(&scrub)?.exits(0).json()?[0]["events_removed"], 0);
    assert_eq!(log.annals(&["events", "tail"])?.exits(0).stdout, "");
    Ok(())
}

#[tokio::test]
async fn roles_are_printed_for_psql_under_the_names_asked_for() -> TestResult {
    let log = Log::fresh().await?;

    let script = log.annals(&["db", "roles", "--prefix", "shop"])?.exits(0).stdout;

    for role in ["owner", "appender", "reader", "projector", "operator", "scrubber"] {
        assert!(script.contains(&format!("shop_{role}")), "{role}");
    }
    log.annals(&["db", "roles", "--prefix", "no spaces"])?.exits(2);
    Ok(())
}
