//! Fail points stand where they say, each in one gap, and in nothing that is released.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use annals_devdb::TestResult;
use annals_eventstore::failpoint::FailPoint;

use super::manifest::members;
use super::{nothing_of, root};

const FEATURE: &str = "failpoints";

fn all() -> impl Iterator<Item = &'static FailPoint> {
    let (log, runners) = (annals_eventstore::failpoint::ALL, annals_projections::failpoint::ALL);
    log.iter().chain(runners).chain(annals_projections::failpoint::rebuild::ALL).copied()
}

/// Counts the places of each fail point in the sources below a folder.
fn places(folder: &Path, found: &mut BTreeMap<String, usize>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            places(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path)?;
            for after in source.split("fail_point!(").skip(1) {
                let name = after.split(')').next().unwrap_or_default();
                *found.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(())
}

#[test]
fn every_fail_point_stands_in_one_gap() -> TestResult {
    let mut found = BTreeMap::new();
    for folder in ["eventstore/src/postgres", "projections/src"] {
        places(&root().join(folder), &mut found)?;
    }

    let expected: BTreeMap<String, usize> = all().map(|point| (point.name().to_owned(), 1)).collect();
    println!("{} fail points", expected.len());
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    Ok(())
}

/// Returns where a manifest switches fail points on for more than tests.
fn switched_on(manifest: &str, place: &str) -> Vec<String> {
    let (mut table, mut faults) = (String::new(), Vec::new());
    for (number, line) in (1..).zip(manifest.lines()) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            name.clone_into(&mut table);
        }
        let is_the_feature = table == "features" && line.starts_with(&format!("{FEATURE} ="));
        let is_a_comment = line.trim_start().starts_with('#');
        let is_for_tests = table.contains("dev-dependencies");
        if line.contains(FEATURE) && !(is_the_feature || is_for_tests || is_a_comment) {
            faults.push(format!("{place}:{number}: fail points are for tests alone: {line}"));
        }
    }
    faults
}

#[test]
fn what_is_released_has_no_fail_point() -> TestResult {
    let workspace = fs::read_to_string(root().join("Cargo.toml"))?;
    let mut faults = switched_on(&workspace, "Cargo.toml");
    let mut manifests = 1;
    // `tests/outside`, a program that is built as users build theirs, looks for them in itself.
    for member in members(&workspace).iter().map(String::as_str).chain(["tests/outside"]) {
        let place = format!("{member}/Cargo.toml");
        faults.extend(switched_on(&fs::read_to_string(root().join(&place))?, &place));
        manifests += 1;
    }

    assert!(manifests > 5, "{manifests} manifests");
    nothing_of(&faults);
    Ok(())
}

#[test]
fn a_fail_point_that_is_switched_on_for_users_is_found() {
    let dependency = "[dependencies]\nannals-eventstore = { workspace = true, features = [\"failpoints\"] }";
    let default = "[features]\ndefault = [\"failpoints\"]\nfailpoints = []";
    let sound =
        "[features]\nfailpoints = [\"dep:rustix\"]\n[dev-dependencies]\nx = { features = [\"failpoints\"] }";

    assert_eq!(switched_on(dependency, "x").len(), 1);
    assert_eq!(switched_on(default, "x").len(), 1);
    assert_eq!(switched_on(sound, "x"), [""; 0]);
}

/// What `tests/outside` does not find in itself is found here.
#[test]
fn a_program_with_fail_points_tells_their_names() -> TestResult {
    let program = fs::read(std::env::current_exe()?)?;
    // Put together here, so that this text is none of them.
    let name = ["slot", "after", "commit"].join("_");

    assert!(program.windows(name.len()).any(|window| window == name.as_bytes()));
    Ok(())
}
