//! `annals events tail`.

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::{Append, CorrelationId, EventStore, Metadata, NewEvent, PostgresStore};
use serde_json::Value;

use crate::support::Log;

async fn append(store: &PostgresStore, events: std::ops::RangeInclusive<i32>) -> Result<(), TestFailure> {
    let events = events.map(|n| NewEvent::new("counted", &n)).collect::<Result<Vec<_>, _>>()?;
    store.append(Append::to("count-1".parse()?, events)).await?;
    Ok(())
}

fn data(lines: &[Value]) -> Vec<i64> {
    lines.iter().filter_map(|line| line["data"].as_i64()).collect()
}

#[tokio::test]
async fn the_newest_events_or_those_after_a_position_are_printed_oldest_first() -> TestResult {
    let log = Log::fresh().await?;
    append(&log.store().await?, 1..=1500).await?;
    let printed = |more: &[&str]| -> Result<Vec<i64>, TestFailure> {
        Ok(data(&log.annals(&[&["events", "tail", "--json"], more].concat())?.exits(0).json()?))
    };

    assert_eq!(printed(&[])?, (1491..=1500).collect::<Vec<_>>());
    assert_eq!(printed(&["--limit", "2"])?, [1499, 1500]);
    assert_eq!(printed(&["--after", "start"])?, (1..=1500).collect::<Vec<_>>());
    assert_eq!(printed(&["--after", "1000", "--limit", "2"])?, [1001, 1002]);
    assert_eq!(printed(&["--after", "end"])?, [0_i64; 0]);
    Ok(())
}

#[tokio::test]
async fn only_events_that_pass_every_flag_are_printed_also_when_followed() -> TestResult {
    let log = Log::fresh().await?;
    let store = log.store().await?;
    let talk = Metadata { correlation_id: Some(CorrelationId::new("talk 1")), ..Metadata::default() };
    let mut ids = Vec::new();
    for (n, name) in ["count-1", "other-1", "count-2", "counter-1"].into_iter().cycle().take(12).enumerate() {
        let kind = if n % 3 == 0 { "third" } else { "counted" };
        let event =
            NewEvent::new(kind, &n)?.with_metadata(if n > 5 { talk.clone() } else { Metadata::default() });
        ids.push(event.id.to_string());
        store.append(Append::to(name.parse()?, [event])).await?;
    }
    let printed = |more: &[&str]| -> Result<Vec<i64>, TestFailure> {
        Ok(data(&log.annals(&[&["events", "tail", "--json"], more].concat())?.exits(0).json()?))
    };

    assert_eq!(printed(&["--type", "third"])?, [0, 3, 6, 9]);
    assert_eq!(printed(&["--type", "third", "--limit", "1"])?, [9]);
    assert_eq!(printed(&["--category", "count", "--after", "start"])?, [0, 2, 4, 6, 8, 10]);
    assert_eq!(printed(&["--stream", "count-1", "--stream", "other-1", "--after", "8"])?, [8, 9]);
    assert_eq!(printed(&["--correlation", "talk 1", "--type", "counted"])?, [7, 8, 10, 11]);
    assert_eq!(printed(&["--id", &ids[5]])?, [5]);
    assert_eq!(
        printed(&["--since", "2020-01-01T00:00:00Z", "--type", "third", "--after", "start"])?,
        [0, 3, 6, 9]
    );
    assert_eq!(printed(&["--until", "2020-01-01T00:00:00+01:00"])?, [0_i64; 0]);
    let refused = log.annals(&["events", "tail", "--since", "yesterday"])?.exits(2);
    assert!(refused.stderr.contains("2026-05-31T12:00:00Z"), "{refused:?}");

    let flags = ["events", "tail", "-f", "--json", "--type", "third", "--after", "start", "--limit", "5"];
    let mut tail = log.start(&flags)?;
    for n in [0, 3, 6, 9] {
        assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [n]);
    }
    for (kind, n) in [("counted", 12), ("third", 13)] {
        store.append(Append::to("count-1".parse()?, [NewEvent::new(kind, &n)?])).await?;
    }
    assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [13]);
    assert_eq!(tail.wait()?, 0, "the limit is reached");
    Ok(())
}

// The wake-up is sent by a task beside the test, which waits for lines without giving way to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_woken_by_an_append_and_does_not_wait_for_its_poll() -> TestResult {
    let log = Log::fresh().await?;
    let store = log.store().await?;
    append(&store, 1..=3).await?;
    // No poll within the patience of the test.
    let mut tail =
        log.start(&["events", "tail", "-f", "--limit", "5", "--json", "--poll-interval", "86400"])?;
    for n in 1..=3 {
        assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [n]);
    }
    tail.says("following the log after position 3")?;

    append(&store, 4..=4).await?;
    assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [4]);
    append(&store, 5..=5).await?;
    assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [5]);

    assert_eq!(tail.wait()?, 0, "the limit is reached");
    Ok(())
}

#[tokio::test]
async fn ctrl_c_ends_a_follower_with_130() -> TestResult {
    let log = Log::fresh().await?;
    let mut tail = log.start(&["events", "tail", "-f"])?;
    tail.says("following the log")?;

    tail.interrupt()?;

    assert_eq!(tail.wait()?, 130);
    assert_eq!(tail.rest_of_stdout(), "");
    assert_eq!(tail.rest_of_stderr(), "");
    Ok(())
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_the_output_quietly() -> TestResult {
    let log = Log::fresh().await?;
    append(&log.store().await?, 1..=5000).await?;
    let mut tail = log.start(&["events", "tail", "--after", "start", "--json"])?;

    assert_eq!(data(&[serde_json::from_str(&tail.line()?)?]), [1]);
    tail.close_stdout();

    assert_eq!(tail.wait()?, 0);
    assert_eq!(tail.rest_of_stderr(), "");
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_follower_notices_that_its_reader_left_while_nothing_happens() -> TestResult {
    let log = Log::fresh().await?;
    append(&log.store().await?, 1..=1).await?;
    let mut tail = log.start(&["events", "tail", "-f", "--poll-interval", "86400"])?;
    tail.line()?;
    tail.says("following the log")?;

    tail.close_stdout();

    assert_eq!(tail.wait()?, 0);
    Ok(())
}
