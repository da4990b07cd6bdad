//! The sample keeps to its own layers: a pure domain, and above it what people ask for and where it is kept.

use annals_devdb::TestResult;

use super::modules::Modules;
use super::{layer_faults, nothing_of, root};

#[test]
fn the_domain_of_the_bank_knows_nothing_but_its_rules() -> TestResult {
    const ALLOWED: &[&str] = &[
        "std",
        "serde",
        "thiserror",
        "i64",
        "u64",
        "char",
        "annals::aggregates::Aggregate",
        "annals::aggregates::Context",
        "annals::aggregates::Events",
        "annals::eventstore::Event",
    ];
    let domain = Modules::read(&root().join("examples/bank/domain"), "examples/bank/domain")?;

    let outside = domain.outside();
    let is_allowed = |path: &str| {
        ALLOWED.iter().any(|allowed| path == *allowed || path.starts_with(&format!("{allowed}::")))
    };
    let faults: Vec<String> = outside
        .iter()
        .filter(|(path, _)| !is_allowed(path))
        .map(|(path, place)| format!("{place}: {path}"))
        .collect();

    assert!(outside.iter().any(|(path, _)| path == "annals::aggregates::Aggregate"), "{outside:#?}");
    nothing_of(&faults);
    Ok(())
}

#[test]
fn the_bank_stands_on_its_domain() -> TestResult {
    let layers: &[(&str, &[&str])] = &[
        ("domain", &["domain"]),
        ("application", &["application"]),
        ("infrastructure", &["infrastructure"]),
    ];
    let bank = Modules::read(&root().join("examples/bank"), "examples/bank")?;

    let mut faults = layer_faults(&bank, layers);
    faults.extend(bank.faults());
    let beside = bank.top_edges().into_iter().filter(|edge| edge.to != "domain");
    faults.extend(beside.map(|edge| format!("{edge}: only the domain is below")));
    nothing_of(&faults);
    Ok(())
}
