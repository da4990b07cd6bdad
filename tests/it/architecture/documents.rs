//! What is written about the tests stays true: every test that a page names exists.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use annals_devdb::TestResult;

use super::{nothing_of, root};

/// Returns the files below a folder whose names end so, build products left out.
fn files(folder: &Path, ending: &str) -> io::Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            texts.extend(files(&path, ending)?);
        } else if name.ends_with(ending) {
            texts.push(fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

/// Returns the sentences in backticks: names of at least four words. Those that begin with our own are metrics.
fn tests_named_in(page: &str) -> BTreeSet<&str> {
    let in_backticks = page.split('`').skip(1).step_by(2);
    let is_sentence = |text: &&str| text.matches('_').count() >= 3 && text.bytes().all(is_of_a_name);
    in_backticks.filter(is_sentence).filter(|text| !text.starts_with("annals_")).collect()
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

fn missing<'p>(page: &'p str, sources: &[String]) -> Vec<&'p str> {
    let is_there = |name: &&str| {
        let (test, case) = (format!("fn {name}("), format!("fn {name}<"));
        sources.iter().any(|source| source.contains(&test) || source.contains(&case))
    };
    tests_named_in(page).into_iter().filter(|name| !is_there(name)).collect()
}

#[test]
fn every_test_that_the_architecture_names_exists() -> TestResult {
    let sources = files(root(), ".rs")?;
    let mut pages = files(&root().join("docs"), ".md")?;
    for page in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"] {
        pages.push(fs::read_to_string(root().join(page))?);
    }

    let named: usize = pages.iter().map(|page| tests_named_in(page).len()).sum();
    let faults: Vec<String> = pages
        .iter()
        .flat_map(|page| missing(page, &sources))
        .map(|name| format!("{name} is named in a page and is no test"))
        .collect();

    assert!(named > 30, "the pages name {named} tests, where are the others?");
    nothing_of(&faults);
    Ok(())
}

#[test]
fn the_seat_that_the_guide_shows_is_the_one_its_snippets_use() -> TestResult {
    let guide = fs::read_to_string(root().join("docs/guide/aggregates.md"))?;
    let seat = fs::read_to_string(root().join("docs/guide/seat.rs"))?;

    assert!(guide.contains(&format!("```rust\n{seat}```")), "docs/guide/seat.rs is not what the guide shows");
    Ok(())
}

#[test]
fn a_test_that_is_gone_is_told() {
    let page = "held by `it_is_still_there`, `it_is_a_case`* and `it_has_gone_away`; `min_max`";
    let sources = ["async fn it_is_still_there() {}".to_owned(), "fn it_is_a_case<H: Harness>".to_owned()];

    assert_eq!(missing(page, &sources), ["it_has_gone_away"]);
}
