//! The page lists each metric, label and span of the code, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use annals::{aggregates, projections};
use annals_devdb::TestResult;
use annals_eventstore::telemetry::{self, Label, Metric, Span};

/// The metrics of the log, of runners, and of commands.
fn metrics() -> Vec<Metric> {
    [telemetry::metrics(), projections::telemetry::metrics(), aggregates::telemetry::metrics()].concat()
}

/// The spans of the log, and of commands.
fn spans() -> Vec<&'static Span> {
    telemetry::spans().iter().chain(aggregates::telemetry::spans()).collect()
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

/// The rows that the code asks for.
fn rows_of_the_code() -> Vec<String> {
    let metric_rows = metrics().into_iter().map(|metric| {
        let labels = quoted(metric.labels.iter().map(|label| label.name));
        let (name, kind, unit, says) =
            (metric.name, metric.kind.as_str(), metric.unit.as_str(), metric.description);
        format!("| `{name}` | {kind} | {unit} | {labels} | {says} |")
    });
    let label_rows = metrics().into_iter().flat_map(|metric| {
        let named = metric.labels.iter().filter(|label| !label.values.is_empty());
        let row = move |label: &Label| {
            format!("| `{}` | `{}` | {} |", metric.name, label.name, quoted(label.values.iter().copied()))
        };
        named.map(row).collect::<Vec<_>>()
    });
    let span_rows = spans().into_iter().map(|span| {
        format!("| `{}` | {} | {} |", span.name, quoted(span.fields.iter().copied()), span.description)
    });
    metric_rows.chain(label_rows).chain(span_rows).collect()
}

/// The rows of a page's tables, headers left out.
fn rows_of_the_page(page: &str) -> Vec<String> {
    page.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect()
}

#[test]
fn the_page_lists_each_metric_label_and_span_and_no_other() -> TestResult {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/telemetry.md");
    let page = rows_of_the_page(&fs::read_to_string(path)?);
    let code = rows_of_the_code();

    println!("telemetry: {} metrics, {} spans, {} rows", metrics().len(), spans().len(), code.len());
    assert!(metrics().len() > 30 && spans().len() > 5, "where are the others?");
    let (page, code): (BTreeSet<_>, BTreeSet<_>) = (page.iter().collect(), code.iter().collect());
    let missing: Vec<&str> = code.difference(&page).map(|row| row.as_str()).collect();
    let gone: Vec<&str> = page.difference(&code).map(|row| row.as_str()).collect();
    assert!(missing.is_empty(), "the page lacks:\n{}", missing.join("\n"));
    assert!(gone.is_empty(), "the page lists what the code does not have:\n{}", gone.join("\n"));
    Ok(())
}

#[test]
fn names_tell_kind_and_unit_as_exporters_expect() {
    use annals_eventstore::telemetry::{MetricKind, MetricUnit};
    let mut names = BTreeSet::new();
    for metric in metrics() {
        let name = metric.name;
        assert!(names.insert(name), "{name} stands twice");
        assert!(name.starts_with("annals_"), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == MetricKind::Counter, "{name}");
        assert_eq!(name.ends_with("_seconds"), metric.unit == MetricUnit::Seconds, "{name}");
        assert!(metric.labels.iter().all(|label| !label.name.contains("stream")), "{name}");
    }
}
