//! `annals dev`, on a folder of the test's own.

use std::path::PathBuf;

use annals_devdb::{TestFailure, TestResult};

use crate::support::{Run, annals, run};

/// A folder for servers; they are stopped and it is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn fresh() -> Self {
        Self(std::env::temp_dir().join(format!("annals-dev-{}", std::process::id())))
    }

    fn annals(&self, arguments: &[&str]) -> Result<Run, TestFailure> {
        run(annals(arguments).env("ANNALS_DEVDB_DIR", &self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.annals(&["dev", "reset", "--yes"]);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_development_server_is_started_used_stopped_and_thrown_away() -> TestResult {
    let folder = Folder::fresh();
    folder.annals(&["dev", "status"])?.exits(3);

    let started = folder.annals(&["dev", "start"])?.exits(0);
    assert!(started.stdout.starts_with("postgres://annals@") && started.stdout.ends_with("/annals\n"));
    assert_eq!(started.stdout.lines().count(), 1, "the URL alone: DATABASE_URL=$(annals dev start)");

    let status = folder.annals(&["dev", "status", "--json"])?.exits(0);
    assert_eq!(
        (&status.json()?[0]["profile"], &status.json()?[0]["state"]),
        (&"durable".into(), &"running".into())
    );

    // Without DATABASE_URL the same server is used, and it is said.
    let migrated = folder.annals(&["db", "migrate"])?.exits(0);
    assert!(migrated.stderr.contains("since DATABASE_URL is not set"), "{migrated:?}");
    folder.annals(&["stream", "append", "a-1", "--type", "b", "--data", "1"])?.exits(0);
    let counted = folder.annals(&["dev", "psql", "-Atc", "select count(*) from annals.events"])?.exits(0);
    assert_eq!(counted.stdout, "1\n");

    folder.annals(&["dev", "stop"])?.exits(0);
    folder.annals(&["dev", "status"])?.exits(3);
    folder.annals(&["dev", "reset"])?.exits(2);
    assert_eq!(folder.annals(&["stream", "ls"])?.exits(0).stdout, "a-1@1\n", "nothing was thrown away");

    folder.annals(&["dev", "reset", "--yes"])?.exits(0);
    assert_eq!(folder.annals(&["dev", "status", "--json"])?.exits(3).stdout, "", "nothing is left");
    Ok(())
}
