//! The checker notices what it is there for: each fault is planted in a scratch tree and must be told.

use std::path::PathBuf;
use std::{fs, io};

use annals_devdb::TestResult;

use super::manifest::Manifest;
use super::modules::Modules;
use super::{layer_faults, package_faults};

/// A folder of sources that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn with(test: &str, files: &[(&str, &str)]) -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("annals-architecture-{}-{test}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs::write(path, text)?;
        }
        Ok(Self(folder))
    }

    fn modules(&self) -> io::Result<Modules> {
        Modules::read(&self.0, "src")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn package(name: &str, dependencies: &str) -> Manifest {
    let text = format!("[package]\nname = \"{name}\"\n\n{dependencies}");
    Manifest::parse(&text, "Cargo.toml")
}

#[test]
fn an_arrow_that_runs_up_is_told_however_it_is_written() {
    for dependencies in [
        "[dependencies]\nannals-projections.workspace = true",
        "[dependencies]\nannals-projections = \"0.1\"",
        "[dependencies]\n\"annals-projections\" = { path = \"../projections\" }",
        "[dependencies]\nreads = { package = \"annals-projections\", version = \"0.1\" }",
        "[dependencies.annals-projections]\nworkspace = true",
        "[dependencies.reads]\npackage = \"annals-projections\"",
        "[target.'cfg(unix)'.dependencies]\nannals-projections.workspace = true",
        "[build-dependencies]\nannals-projections.workspace = true",
        "[dev-dependencies]\nannals-projections.workspace = true",
    ] {
        let faults = package_faults(&[package("annals-aggregates", dependencies)]);

        assert_eq!(faults.len(), 1, "{dependencies}: {faults:#?}");
        assert!(
            faults[0].ends_with("annals-aggregates -> annals-projections: this arrow runs up"),
            "{faults:?}"
        );
        assert!(faults[0].starts_with("Cargo.toml:"), "{faults:?}");
    }
}

#[test]
fn what_tests_need_besides_is_allowed_to_tests_alone() {
    let server = "dependencies]\nannals-devdb.workspace = true";
    assert_eq!(package_faults(&[package("annals-eventstore", &format!("[dev-{server}"))]), [""; 0]);
    assert_eq!(package_faults(&[package("annals-eventstore", &format!("[{server}"))]).len(), 1);
}

#[test]
fn a_circle_of_crates_is_told_arrow_by_arrow() {
    let faults = package_faults(&[
        package("annals-macros", "[dependencies]\nannals-eventstore.workspace = true"),
        package("annals-eventstore", "[dependencies]\nannals-macros.workspace = true"),
    ]);

    let circle = "a circle:\n  Cargo.toml:5: annals-eventstore -> annals-macros\n  Cargo.toml:5: annals-macros -> annals-eventstore";
    assert!(faults.iter().any(|fault| fault == circle), "{faults:#?}");
}

#[test]
fn a_package_without_a_place_is_told() {
    let faults = package_faults(&[package("annals-attic", "")]);
    assert_eq!(faults, ["annals-attic has no place in the table of packages"]);
}

#[test]
fn a_circle_of_modules_is_told_with_file_and_line_at_every_level() -> TestResult {
    let scratch = Scratch::with(
        "circle",
        &[
            ("lib.rs", "mod event;\nmod store;\npub use event::Event;"),
            ("event.rs", "//! See crate::store.\nfn f() {\n    crate::store::pg::g()\n}"),
            ("store/mod.rs", "mod pg;\nmod wake;"),
            ("store/pg.rs", "use super::wake::{Waker, Wakes};\nuse crate::event::Event;"),
            ("store/wake.rs", "use crate::store::pg::Pg as Other;"),
        ],
    )?;

    let faults = scratch.modules()?.faults();

    let top = "a circle:\n  src/event.rs:3: event -> store\n  src/store/pg.rs:2: store -> event";
    let below = "a circle:\n  src/store/pg.rs:1: pg -> wake\n  src/store/wake.rs:1: wake -> pg";
    for circle in [top, below] {
        assert!(faults.iter().any(|fault| fault == circle), "{faults:#?}");
    }
    Ok(())
}

#[test]
fn an_import_from_the_root_is_told_and_one_of_an_exported_macro_is_not() -> TestResult {
    let scratch = Scratch::with(
        "root",
        &[
            ("lib.rs", "mod event;\nmod suite;\npub use event::Event;\nuse crate::event::Event as _;"),
            ("event.rs", "use crate::Event;\nuse super::{Event as Same};\nuse crate::suite;"),
            (
                "suite.rs",
                "#[macro_export]\nmacro_rules! cases { () => { $crate::Event } }\npub use crate::cases;",
            ),
        ],
    )?;

    let faults = scratch.modules()?.faults();

    let told =
        |line| format!("src/event.rs:{line}: Event is imported from the root, not from where it is defined");
    assert_eq!(faults, [told(1), told(2)]);
    Ok(())
}

#[test]
fn tests_may_import_what_they_like() -> TestResult {
    let scratch = Scratch::with(
        "tests",
        &[
            ("lib.rs", "mod event;\nmod store;\npub use event::Event;"),
            (
                "event.rs",
                "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::{Event, store::S}; }",
            ),
            ("event/tests.rs", "use crate::{Event, store::S};"),
            ("store.rs", "use crate::event::Event;"),
        ],
    )?;

    assert_eq!(scratch.modules()?.faults(), [""; 0]);
    Ok(())
}

#[test]
fn a_module_that_is_no_file_is_told() -> TestResult {
    let scratch = Scratch::with("inline", &[("lib.rs", "\nmod hidden { use crate::Event; }")])?;

    let faults = scratch.modules()?.faults();

    assert_eq!(faults, ["src/lib.rs:2: a module that is no file"]);
    Ok(())
}

#[test]
fn a_value_type_that_knows_an_adapter_is_told() -> TestResult {
    let scratch = Scratch::with(
        "layers",
        &[("lib.rs", ""), ("event.rs", "\nuse crate::memory::Log;"), ("memory.rs", ""), ("attic.rs", "")],
    )?;

    let faults = layer_faults(&scratch.modules()?, &[("value types", &["event"]), ("adapters", &["memory"])]);

    assert_eq!(
        faults,
        [
            "attic has no place in the table of layers",
            "src/event.rs:2: event -> memory: value types know no adapters"
        ]
    );
    Ok(())
}
