//! What the binary refuses, and with which exit code.

use std::fs;
use std::path::{Path, PathBuf};

use annals_devdb::{TestFailure, TestResult};

use crate::support::{Ended, Log, Process, bank, command, finished};

/// A folder of projections that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Result<Self, TestFailure> {
        let folder = std::env::temp_dir().join(format!("annals-runner-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("rows"))?;
        let made = Self(folder);
        files.iter().try_for_each(|(file, text)| fs::write(made.0.join("rows").join(file), text))?;
        Ok(made)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn run(url: Option<&str>, folder: &Path, more: &[&str]) -> Result<Ended, TestFailure> {
    let folder = folder.to_str().ok_or("the folder has a name")?;
    let mut running = command(&[&["run", "--http", "off", "--projections", folder], more].concat());
    url.map(|url| running.env("DATABASE_URL", url));
    finished(&mut running).await
}

const TOML: &str = "name = \"rows\"\nversion = 1\n[events]\nhappened = \"happened.sql\"\n";
const SETUP: &str = "create table if not exists rows (number bigint);\n";

#[tokio::test]
async fn files_that_are_wrong_are_all_told_with_file_and_line_before_a_database_is_asked() -> TestResult {
    let happened = "insert into rows\nvalues (:nonsense)";
    let files = [
        ("projection.toml", "name = \"rows\"\nversion = 0\n[events]\nhappened = \"happened.sql\"\n"),
        ("setup.sql", SETUP),
        ("happened.sql", happened),
    ];
    let folder = Folder::with("wrong", &files)?;

    let refused = run(Some("postgres://nobody@127.0.0.1:1/nowhere"), &folder.0, &[]).await?;

    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    assert!(refused.stderr.contains("rows/projection.toml:2:"), "{}", refused.stderr);
    let mended = [("projection.toml", TOML), ("setup.sql", SETUP), ("happened.sql", happened)];
    let folder = Folder::with("wrong", &mended)?;
    let refused = run(Some("postgres://nobody@127.0.0.1:1/nowhere"), &folder.0, &[]).await?;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("rows/happened.sql:2:9"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn a_statement_that_the_server_does_not_take_is_told_with_file_and_line() -> TestResult {
    let log = Log::fresh().await?;
    let files = [
        ("projection.toml", TOML),
        ("setup.sql", SETUP),
        ("happened.sql", "insert into rows\n(nobody) values (1)"),
    ];
    let folder = Folder::with("refused", &files)?;

    let refused = run(Some(log.url()), &folder.0, &[]).await?;

    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("rows/happened.sql:2:2: the server refuses it"), "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_begun_has_an_exit_code_that_says_why() -> TestResult {
    let absent = Log::absent().await?;
    let log = Log::fresh().await?;
    let working = Process::run(log.url(), &bank(), &[]).await?;
    let taken = working.http().strip_prefix("http://").ok_or("the runner has pages")?;

    let told = [
        (run(None, &bank(), &[]).await?, 2, "nobody says which database"),
        (run(Some("postgres://nobody:secret@127.0.0.1:1/x"), &bank(), &[]).await?, 69, "127.0.0.1:1"),
        (run(Some(absent.url()), &bank(), &[]).await?, 6, "annals db migrate"),
        (run(Some(log.url()), Path::new("/nowhere/at/all"), &[]).await?, 2, "/nowhere/at/all"),
        (run(Some(log.url()), &bank(), &["--lease", "0"]).await?, 2, "more than 0"),
        (finished(command(&["run"]).env("DATABASE_URL", log.url())).await?, 2, "--projections DIR"),
        (
            finished(command(&["run", "--http", "9100"]).env("DATABASE_URL", log.url())).await?,
            2,
            "127.0.0.1:9100",
        ),
        (
            finished(
                command(&["run", "--projections", bank().to_str().ok_or("a name")?, "--http", taken])
                    .env("DATABASE_URL", log.url()),
            )
            .await?,
            1,
            "cannot listen on",
        ),
        (finished(command(&["status"]).env("DATABASE_URL", absent.url())).await?, 6, "annals db migrate"),
    ];
    for (ended, code, says) in &told {
        assert_eq!(ended.code, Some(*code), "{says}: {ended:?}");
        assert!(ended.stderr.contains(says) && !ended.stderr.contains("secret"), "{says}: {ended:?}");
    }
    println!("{} refusals, each with its exit code", told.len());
    Ok(())
}
