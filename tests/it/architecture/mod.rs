//! Arrows run down, and nowhere in a circle: between crates, and between the modules of a crate.
//!
//! The tables below are the architecture; `ARCHITECTURE.md` draws them. What is found names file and line.

mod bank;
mod documents;
mod fail_points;
mod graph;
mod manifest;
mod modules;
mod planted;
mod source;
mod token;

use std::path::Path;

use annals_devdb::TestResult;

use graph::{Edge, circles, told};
use manifest::Manifest;
use modules::Modules;

/// The packages, each with those of ours that it may need.
const PACKAGES: &[(&str, &[&str])] = &[
    ("annals-macros", &[]),
    ("annals-devdb", &[]),
    ("annals-eventstore", &["annals-macros"]),
    ("annals-aggregates", &["annals-eventstore"]),
    ("annals-projections", &["annals-eventstore"]),
    ("annals-runner", &["annals-eventstore", "annals-projections"]),
    ("annals-projection-runner", &["annals-eventstore", "annals-projections", "annals-runner"]),
    ("annals-sagas", &["annals-eventstore", "annals-aggregates"]),
    (
        "annals",
        &[
            "annals-eventstore",
            "annals-aggregates",
            "annals-projections",
            "annals-runner",
            "annals-projection-runner",
            "annals-sagas",
        ],
    ),
    (
        "annals-admin",
        &[
            "annals-devdb",
            "annals-eventstore",
            "annals-aggregates",
            "annals-projections",
            "annals-runner",
            "annals-sagas",
        ],
    ),
];

/// What tests, examples and benchmarks of any package may need besides: a server, and the package itself.
const TESTED_WITH: &[&str] = &["annals-devdb"];

/// The modules of the event store, from the bottom: telemetry, value types, ports, adapters.
const EVENTSTORE: &[(&str, &[&str])] = &[
    ("telemetry and fail points", &["failpoint", "telemetry"]),
    (
        "value types",
        &[
            "append",
            "append_many",
            "checkpoint",
            "claim",
            "claim_release",
            "codec",
            "connection_fault",
            "content_hash",
            "cursor",
            "decisions",
            "decoded",
            "deletion",
            "derived",
            "event",
            "event_id",
            "event_schema",
            "filter",
            "idempotency",
            "lease",
            "metadata",
            "payload",
            "payload_codec",
            "position",
            "read",
            "sealing",
            "snapshot",
            "stream",
            "version",
        ],
    ),
    (
        "ports",
        &[
            "claim_registry",
            "consumer",
            "handler",
            "retention",
            "snapshot_store",
            "store",
            "subscription",
            "tailer",
            "wakeup",
        ],
    ),
    ("adapters", &["memory", "postgres"]),
    ("conformance", &["conformance"]),
];

/// The modules of the aggregates, from the bottom: what a domain is written in, what comes of it, and what
/// carries it out.
const AGGREGATES: &[(&str, &[&str])] = &[
    ("telemetry", &["telemetry"]),
    (
        "value types",
        &["aggregate", "baseline", "clock", "context", "deciding", "error", "events", "executed", "loaded"],
    ),
    ("the test kit", &["test_kit"]),
    ("the repository", &["fold", "repository"]),
    ("those who stand on the repository", &["cache", "handle", "snapshots", "together"]),
    ("the command service", &["service"]),
];

/// The modules of projections in SQL, from the bottom: texts, what they say, and those who need a server.
const SQL_PROJECTION: &[(&str, &[&str])] = &[
    ("texts", &["json_field", "number", "parameter", "place", "statement_fault", "time", "token"]),
    ("statements", &["rewrite", "rules", "set_based", "statement"]),
    (
        "folders",
        &[
            "event_key",
            "fault",
            "fingerprint",
            "folder",
            "folders",
            "manifest",
            "manifest_value",
            "projection",
        ],
    ),
    ("values", &["events_relation", "parameter_value", "value", "value_error"]),
    (
        "those who need a server",
        &["apply", "apply_error", "filled_by", "prepare", "session", "set_up", "sql_handlers"],
    ),
];

/// The modules of projections, from the bottom: what cannot be applied, what a projection is, who runs it, and who looks
/// after it.
const PROJECTIONS: &[(&str, &[&str])] = &[
    ("telemetry", &["telemetry"]),
    ("statements and fail points", &["failpoint", "statements", "told"]),
    ("poison", &["parking"]),
    ("what a projection is", &["handlers", "hosted", "projection", "tables", "writes"]),
    ("read models in SQL", &["sql_projection"]),
    ("rebuilds", &["rebuild"]),
    ("those who run it", &["runner", "running", "start"]),
    ("those who look after it", &["operator"]),
];

/// The modules of whoever hosts projections, from the bottom: what command lines have in common, the verbs about
/// projections, the place for pages, the verbs that host and look, the program.
const RUNNER: &[(&str, &[&str])] = &[
    ("command lines", &["cli"]),
    ("the verbs about projections", &["projection"]),
    ("the place for pages", &["pages"]),
    ("what a program hosts", &["hosting", "signals"]),
    ("the verbs of a program", &["run", "status"]),
    ("a program", &["application"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Fails with everything that was found.
fn nothing_of(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Returns what is wrong with the dependencies of some packages.
fn package_faults(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        let Some((_, below)) = PACKAGES.iter().find(|(package, _)| *package == manifest.package) else {
            faults.push(format!("{} has no place in the table of packages", manifest.package));
            continue;
        };
        let is_allowed = |to: &str| below.contains(&to);
        let is_tested_with = |to: &str| is_allowed(to) || TESTED_WITH.contains(&to) || to == manifest.package;
        let up = manifest.needs.iter().filter(|edge| !is_allowed(&edge.to));
        let up = up.chain(manifest.tested_with.iter().filter(|edge| !is_tested_with(&edge.to)));
        faults.extend(up.map(|edge| format!("{edge}: this arrow runs up")));
    }
    let edges: Vec<Edge> = manifests.iter().flat_map(|manifest| &manifest.needs).cloned().collect();
    faults.extend(circles(&edges).iter().map(|circle| told(circle)));
    faults
}

/// Returns what is wrong with the arrows between the layers of one crate.
fn layer_faults(modules: &Modules, layers: &[(&str, &[&str])]) -> Vec<String> {
    let layer = |module: &str| layers.iter().position(|(_, modules)| modules.contains(&module));
    let homeless = modules.top().into_iter().filter(|module| layer(module).is_none());
    let mut faults: Vec<String> =
        homeless.map(|module| format!("{module} has no place in the table of layers")).collect();
    for edge in modules.top_edges() {
        let (Some(from), Some(to)) = (layer(&edge.from), layer(&edge.to)) else { continue };
        if from < to {
            faults.push(format!("{edge}: {} know no {}", layers[from].0, layers[to].0));
        }
    }
    faults
}

#[test]
fn arrows_between_crates_run_down() -> TestResult {
    let manifests = manifest::read(root())?;

    assert_eq!(manifests.len(), PACKAGES.len(), "{manifests:#?}");
    nothing_of(&package_faults(&manifests));
    Ok(())
}

#[test]
fn modules_form_no_circle_and_import_from_where_a_thing_is_defined() -> TestResult {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml"))?;
    let mut crates = vec!["src".to_owned()];
    crates.extend(manifest::members(&workspace).iter().map(|member| format!("{member}/src")));

    let mut faults = Vec::new();
    for folder in crates {
        faults.extend(Modules::read(&root().join(&folder), &folder)?.faults());
    }
    nothing_of(&faults);
    Ok(())
}

#[test]
fn value_types_know_no_ports_and_ports_no_adapters() -> TestResult {
    let eventstore = Modules::read(&root().join("eventstore/src"), "eventstore/src")?;

    let mut faults = layer_faults(&eventstore, EVENTSTORE);

    let adapters = ["memory", "postgres"];
    let to_adapters = eventstore.top_edges().into_iter().filter(|edge| adapters.contains(&edge.to.as_str()));
    faults.extend(to_adapters.map(|edge| format!("{edge}: nobody imports an adapter")));
    nothing_of(&faults);
    Ok(())
}

#[test]
fn the_folder_of_a_projection_in_sql_is_read_without_a_server() -> TestResult {
    let folder = "projections/src/sql_projection";
    let sql_projection = Modules::read(&root().join(folder), folder)?;

    nothing_of(&layer_faults(&sql_projection, SQL_PROJECTION));
    Ok(())
}

#[test]
fn a_domain_is_written_without_the_repository_and_the_repository_without_what_stands_on_it() -> TestResult {
    let aggregates = Modules::read(&root().join("aggregates/src"), "aggregates/src")?;

    nothing_of(&layer_faults(&aggregates, AGGREGATES));
    Ok(())
}

#[test]
fn a_projection_is_written_without_its_runner_and_a_runner_without_its_operators() -> TestResult {
    let projections = Modules::read(&root().join("projections/src"), "projections/src")?;

    nothing_of(&layer_faults(&projections, PROJECTIONS));
    Ok(())
}

#[test]
fn a_page_is_written_without_the_verbs_and_a_verb_without_the_program() -> TestResult {
    let runner = Modules::read(&root().join("runner/src"), "runner/src")?;

    nothing_of(&layer_faults(&runner, RUNNER));
    Ok(())
}
