//! `/metrics` can be read by Prometheus, and names everything that a runner has to tell.

use std::collections::{BTreeMap, BTreeSet};

use annals_devdb::{TestFailure, TestResult};
use annals_eventstore::telemetry::{self, Metric, MetricKind};

use crate::support::{Log, Process, append, bank, command, finished, get, until};

/// What the log's own table has that tells about batches and the pool.
const OF_THE_LOG: [&str; 8] = [
    "annals_slot_batches_total",
    "annals_slot_events_total",
    "annals_slot_batch_events",
    "annals_slot_batch_duration_seconds",
    "annals_slot_commit_duration_seconds",
    "annals_checkpoint_position",
    "annals_pool_connections",
    "annals_pool_checkouts_total",
];

/// The samples of a page, by series, and the kinds that it gives its metrics.
#[derive(Debug, Default)]
struct Read {
    samples: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
    helped: BTreeSet<String>,
}

/// Reads a page as the format says: comments of two kinds, or a series and a number.
fn read(page: &str) -> Result<Read, TestFailure> {
    let mut read = Read::default();
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, says) = help.split_once(' ').ok_or(line)?;
            assert!(!says.is_empty() && read.helped.insert(name.to_owned()), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').ok_or(line)?;
            read.kinds.insert(name.to_owned(), kind.to_owned());
        } else {
            let (series, value) = line.rsplit_once(' ').ok_or(line)?;
            let name = series.split('{').next().unwrap_or_default();
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{line}"
            );
            assert!(!series.contains('{') || series.ends_with('}'), "{line}");
            read.samples.insert(series.to_owned(), value.parse()?);
        }
    }
    Ok(read)
}

fn kind_of(metric: &Metric) -> &'static str {
    metric.kind.as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_metrics_parses_and_names_everything_that_a_runner_has_to_tell() -> TestResult {
    let log = Log::fresh().await?;
    let client = log.connect().await?;
    let first = Process::run(log.url(), &bank(), &["--lease", "2"]).await?;
    let owned = |n: u8| {
        format!("select (count(*) = {n})::text from annals.leases where owner::text = '{}'", first.id())
    };
    until(&client, &owned(8), "true").await?;
    append(&client, "account-ada", "account-opened", r#"{"owner": "Ada"}"#).await?;
    append(&client, "account-ada", "money-deposited", r#"{"amount": "much"}"#).await?;
    until(&client, "select key from annals.parked where consumer = 'bank.sql-balances'", "account-ada")
        .await?;
    // One slot is lost, as to a runner that took it over, and others are given back.
    let lose = "update annals.leases set owner = null where consumer = 'bank.sql-balances' and partition = 0";
    client.batch_execute(lose).await?;
    let _second = Process::run(log.url(), &bank(), &["--lease", "2"]).await?;
    until(&client, &owned(4), "true").await?;
    let mut pausing = command(&["projection", "pause", "bank.balances-by-batch", "--reason", "a test"]);
    let paused = finished(pausing.env("DATABASE_URL", log.url())).await?;
    assert_eq!(paused.code, Some(0), "{paused:?}");

    let page = get(first.http(), "/metrics").await?;

    let read = read(&page.body)?;
    let expected: Vec<Metric> = telemetry::metrics()
        .into_iter()
        .filter(|metric| OF_THE_LOG.contains(&metric.name))
        .chain(annals_projections::telemetry::metrics())
        .collect();
    println!(
        "{} samples of {} metrics, {} of them asked for",
        read.samples.len(),
        read.kinds.len(),
        expected.len()
    );
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    assert_eq!(expected.len(), OF_THE_LOG.len() + annals_projections::telemetry::metrics().len());
    for metric in &expected {
        assert_eq!(read.kinds.get(metric.name).map(String::as_str), Some(kind_of(metric)), "{}", metric.name);
        assert!(read.helped.contains(metric.name), "{} has no description", metric.name);
        if metric.kind == MetricKind::Histogram {
            let buckets = format!("{}_bucket{{", metric.name);
            assert!(
                read.samples.keys().any(|series| series.starts_with(&buckets)),
                "{} has no buckets",
                metric.name
            );
        }
    }
    let of = |name: &str, labels: &str| read.samples.get(&format!("{name}{{{labels}}}")).copied();
    let balances = r#"consumer="bank.sql-balances",version="1""#;
    assert_eq!(of("annals_projection_parked_keys", balances), Some(1.0));
    assert_eq!(of("annals_projection_parked_events", balances), Some(1.0));
    assert_eq!(of("annals_projection_slots", &format!(r#"{balances},state="stopped""#)), Some(0.0));
    assert_eq!(of("annals_projection_paused", r#"consumer="bank.balances-by-batch",version="1""#), Some(1.0));
    assert_eq!(of("annals_leases_lost_total", balances), Some(1.0));
    Ok(())
}
