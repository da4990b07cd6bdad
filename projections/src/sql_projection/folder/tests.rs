//! What is found in a folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const TOML: &str =
    "name = \"balances\"\nversion = 1\n[events]\na = \"a.sql\"\nb = \"a.sql\"\nc = \"c.sql\"\n";

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn with(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("annals-folder-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        Self(folder)
    }

    fn whole() -> Self {
        Self::with(&[
            ("projection.toml", TOML),
            ("setup.sql", "create table t (a text);"),
            ("a.sql", "insert into t values (:data.a)"),
            ("c.sql", "-- batch\ndelete from t using events where a = stream"),
        ])
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn load(&self) -> SqlProjection {
        SqlProjection::load(&self.0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the faults, without the path in front.
    fn faults(&self) -> Vec<String> {
        let error = SqlProjection::load(&self.0).expect_err("there is a fault");
        let path = format!("{}/", self.0.display());
        error.to_string().lines().map(|line| line.replace(&path, "")).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_is_a_projection_and_several_types_may_share_a_file() {
    let projection = Scratch::whole().load();

    assert_eq!(
        (projection.name(), projection.version(), projection.schema().as_str()),
        ("balances", 1, "balances")
    );
    assert_eq!(projection.setup(), "create table t (a text);");
    let types: Vec<&str> = projection.event_types().map(EventType::as_str).collect();
    assert_eq!(types, ["a", "b", "c"]);
    assert_eq!(projection.files().len(), 2);
    let file = |name: &str| projection.file_of(&name.parse().unwrap());
    assert_eq!(file("a"), file("b"));
    assert_ne!(file("a"), file("c"));
    assert_eq!(file("d"), None);
}

#[test]
fn the_faults_of_all_files_are_told_at_once() {
    let folder = Scratch::whole();
    folder.write("projection.toml", &format!("{TOML}d = \"d.sql\"\n[more]\n"));
    folder.write("setup.sql", "create table t (a text);\ncommit;");
    folder.write("a.sql", "insert into t\nvalues (:account, :data.a)");
    folder.write("c.sql", "truncate t");
    folder.write("forgotten.sql", "");
    folder.write(".hidden", "");

    let faults = folder.faults();

    let begins = [
        "a.sql:2:9: :account is no parameter",
        "c.sql:1:1: `truncate` is refused",
        "forgotten.sql:1:1: no event type leads here",
        "projection.toml:7:5: it cannot be read",
        "projection.toml:8:2: `more` is no key here",
        "setup.sql:2:1: `commit` is refused",
    ];
    assert_eq!(faults.len(), begins.len(), "{faults:#?}");
    for (fault, begin) in faults.iter().zip(begins) {
        assert!(fault.starts_with(begin), "{fault} is not {begin}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let error = SqlProjection::load("/nowhere/balances").expect_err("there is none");

    assert!(
        error.to_string().starts_with("/nowhere/balances/projection.toml:1:1: it cannot be read"),
        "{error}"
    );
}

#[test]
fn folders_side_by_side_are_loaded_unless_they_would_get_in_each_others_way() {
    let all = Scratch::with(&[("README.md", "a file")]);
    let add = |name: &str, toml: &str| {
        let made = Scratch::whole();
        made.write("projection.toml", toml);
        fs::rename(&made.0, all.0.join(name)).unwrap();
    };
    let faults = || SqlProjection::load_all(&all.0).expect_err("there is a fault").to_string();
    assert!(faults().ends_with(":1:1: there is no folder in it"), "{}", faults());

    add("balances", TOML);
    add("balances-2", &format!("schema = \"balances_2\"\n{}", TOML.replace("version = 1", "version = 2")));
    fs::create_dir(all.0.join(".git")).unwrap();
    let loaded = SqlProjection::load_all(&all.0).unwrap();
    let versions: Vec<i32> = loaded.iter().map(SqlProjection::version).collect();
    assert_eq!(versions, [1, 2]);

    add("copy", &format!("schema = \"copy\"\n{TOML}"));
    add("shared", &format!("schema = \"balances\"\n{}", TOML.replace("\"balances\"", "\"others\"")));
    fs::write(all.0.join("shared").join("c.sql"), "vacuum").unwrap();
    let path = all.0.display();
    let told = faults();
    let begins = [
        format!(
            "{path}/copy/projection.toml:1:1: it has the name and version of {path}/balances/projection.toml"
        ),
        format!("{path}/shared/c.sql:1:1: `vacuum` is refused"),
    ];
    assert!(
        told.lines().count() == 2 && told.lines().zip(begins).all(|(line, begin)| line.starts_with(&begin)),
        "{told}"
    );
    fs::write(all.0.join("shared").join("c.sql"), "select 1").unwrap();
    assert!(faults().contains("it has the schema of"), "{}", faults());
}

#[test]
fn the_fingerprint_shows_what_changes_rows_and_nothing_else() {
    let folder = Scratch::whole();
    let before = folder.load().fingerprint();
    assert_eq!(before, folder.load().fingerprint());
    assert_eq!(before.to_string().len(), 64);

    folder.write("projection.toml", &format!("# a comment\npartitions = 4\nerrors = \"park\"\n{TOML}"));
    folder.write("a.sql", "\u{feff}-- why\r\ninsert  into t /* here */ values (:data.a) ;\n");
    assert_eq!(before, folder.load().fingerprint());

    for (name, text) in [
        ("projection.toml", TOML.replace("version = 1", "version = 2")),
        ("projection.toml", format!("key = \"data.a\"\n{TOML}")),
        ("projection.toml", TOML.replace("b = ", "b2 = ")),
        ("setup.sql", "create table t (a text, b text);".to_owned()),
        ("a.sql", "insert into t values (:data.b)".to_owned()),
        ("a.sql", "insert into t values (' :data.a')".to_owned()),
        ("a.sql", "insert into t values ('  :data.a')".to_owned()),
        ("c.sql", "delete from t".to_owned()),
        ("c.sql", "-- batch\ndelete from t".to_owned()),
    ] {
        let edited = Scratch::whole();
        edited.write(name, &text);
        assert_ne!(edited.load().fingerprint(), before, "{name}: {text}");
    }
}
